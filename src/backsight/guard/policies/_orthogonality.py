"""``orthogonality``: a penalty on recurrent matrices that stretch or shrink what they carry."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from backsight.errors import SettingError
from backsight.guard._policy import GuardContext, Policy, Stage
from backsight.guard._recurrent import TrainedMatrix, recurrent_blocks, refuse_closures
from backsight.guard._step import Step
from backsight.probes import tensor_norms

__all__ = ["Orthogonality"]


@dataclass
class Orthogonality(Policy):
    """Add the gradient of ``weight``·‖WᵀW - I‖²_F, which is 4·``weight``·W(WᵀW - I).

    W is the ``W_hh`` of an RNN, the rows of a GRU's new state or of an LSTM's candidate; of a
    module or of a cell. It acts at every step whose gradient is finite, at the cost of two
    products of that matrix.

    Source: Vorontsov, Trabelsi, Kadoury, Pal 2017, §3 (the soft constraint); the weight Backsight.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.guard import Guard, Orthogonality
        >>> rnn = nn.RNN(1, 2)
        >>> rnn.weight_hh_l0.data = 2 * torch.eye(2)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> guard = Guard(rnn, optimizer, Orthogonality(weight=0.25))
        >>> (0 * rnn(torch.zeros(3, 1, 1))[1].sum()).backward()
        >>> (act,) = guard.step()
        >>> rnn.weight_hh_l0.grad.tolist()  # 4 · 0.25 · W(WᵀW - I)
        [[6.0, 0.0], [0.0, 6.0]]
    """

    name: ClassVar[str] = "orthogonality"
    stage: ClassVar[Stage] = Stage.PENALTY
    frequent: ClassVar[bool] = True
    quantity: ClassVar[str] = "gradient norm of the recurrent matrices"
    main: ClassVar[str] = "weight"

    weight: float = 0.01

    def __post_init__(self) -> None:
        self._above(0, "weight")
        self._blocks: list[TrainedMatrix] = []

    def start(self, guard: GuardContext) -> None:
        """Find the matrices."""
        refuse_closures(guard.optimizers, self.name)
        self._blocks = recurrent_blocks(guard.model, guard.parameters)
        if not self._blocks:
            raise SettingError(
                "guard policy orthogonality needs a recurrent layer whose W_hh is trained, and "
                "the model has none"
            )

    @torch.no_grad()
    def on_gradients_ready(self, step: Step, guard: GuardContext) -> None:
        """Add it."""
        there = [(b.weights, b.gradient) for b in self._blocks if b.gradient is not None]
        own = [gradient for _, gradient in there if gradient is not None]
        if step.inside or not step.finite or not own:
            return
        before = float(tensor_norms(own).norm())
        distance = 0.0
        for (weights, _), gradient in zip(there, own, strict=True):
            w = weights.to(torch.promote_types(weights.dtype, torch.float32))
            off = _off(w)
            distance += float(off.square().sum())
            penalty = (w @ off).to(gradient.dtype)
            gradient.add_(penalty, alpha=4 * self.weight * step.scale)
        after = float(tensor_norms(own).norm())
        cause = f"‖WᵀW - I‖² is {distance:.3g}"
        guard.record(self, cause, before / step.scale, after / step.scale)


def _off(w: Tensor) -> Tensor:
    """``WᵀW - I``, ``(P, P)``."""
    return w.T @ w - torch.eye(w.shape[1], dtype=w.dtype, device=w.device)
