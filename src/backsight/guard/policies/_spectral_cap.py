"""``spectral``: no recurrent matrix whose products may grow beyond a bound."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from backsight.errors import SettingError
from backsight.guard._gradients import agree
from backsight.guard._policy import GuardContext, Policy, Stage
from backsight.guard._recurrent import TrainedMatrix, recurrent_blocks
from backsight.guard._step import Step
from backsight.probes import WIDEST, spectrum

__all__ = ["SpectralCap"]

MEASURES = ("radius", "sigma")

SQUARINGS = 6
"""Of the matrix, for the bound: the 64th root takes most of what a norm has beyond the radius."""

ROUNDING = 8
"""Times the dtype's own: what is left above the cap by the scaling itself is not scaled again."""


@dataclass
class SpectralCap(Policy):
    """Scale a recurrent matrix down, after a step, to a spectral radius of at most ``radius``.

    The matrix is the ``W_hh`` of an RNN, the rows of a GRU's new state or of an LSTM's candidate;
    of a module or of a cell. With ``of=sigma`` it is the largest singular value that is held,
    which bounds a single step and not only many.

    It looks after every ``every``-th step. A bound from above is taken first, ``‖W^64‖^(1/64)``
    (Gelfand), at six products of the matrix; only where that is beyond the cap the eigenvalues
    are computed, in float64 on the host: about 10 ms for 128 units, and growing with the cube.

    Source: Pascanu, Mikolov, Bengio 2013, §2.1 (a radius below 1 cannot explode, with a slope of
    at most 1); Yoshida, Miyato 2017 (σ); the rest Backsight.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.guard import Guard, SpectralCap
        >>> rnn = nn.RNN(1, 2)
        >>> rnn.weight_hh_l0.data = torch.diag(torch.tensor([4.0, 1.0]))
        >>> guard = Guard(rnn, torch.optim.SGD(rnn.parameters(), lr=0.0), SpectralCap(radius=1.0))
        >>> rnn(torch.zeros(3, 1, 1))[1].sum().backward()
        >>> (act,) = guard.step()
        >>> rnn.weight_hh_l0.data
        tensor([[1.0000, 0.0000],
                [0.0000, 0.2500]])
    """

    name: ClassVar[str] = "spectral"
    stage: ClassVar[Stage] = Stage.WEIGHTS
    frequent: ClassVar[bool] = True
    quantity: ClassVar[str] = "spectral radius or σ_max"
    main: ClassVar[str] = "radius"

    radius: float = 1.2
    of: str = "radius"
    every: int = 1

    def __post_init__(self) -> None:
        self._above(0, "radius")
        self._one_of(MEASURES, "of")
        self._count(1, "every")
        self._blocks: list[TrainedMatrix] = []

    def start(self, guard: GuardContext) -> None:
        """Find the matrices."""
        self._blocks = recurrent_blocks(guard.model, guard.parameters)
        if not self._blocks:
            raise SettingError(
                "guard policy spectral needs a recurrent layer whose W_hh is trained, and the "
                "model has none"
            )
        for block in self._blocks:
            rows, columns = block.weights.shape
            if self.of == "radius" and not rows == columns <= WIDEST:
                raise SettingError(
                    f"guard policy spectral cannot compute the spectral radius of {block.name}, "
                    f"which is {rows} by {columns}: the matrix must be square, with at most "
                    f"{WIDEST} columns; use spectral:of=sigma to limit its largest singular value"
                )

    @torch.no_grad()
    def on_step_end(self, step: Step, guard: GuardContext) -> None:
        """Scale what is beyond it."""
        if step.iteration % self.every:
            return
        weights = [block.weights for block in self._blocks]
        found = agree(torch.tensor([self._size(w) for w in weights], dtype=torch.float64)).tolist()
        largest = 0.0
        for w, size in zip(weights, found, strict=True):
            if size > self.radius * (1 + ROUNDING * torch.finfo(w.dtype).eps):
                w.mul_(self.radius / size)
                largest = max(largest, size)
        if largest:
            guard.record(self, f"{self.of} above {self.radius:g}", largest, self.radius)

    def _size(self, w: Tensor) -> float:
        """What is held; 0 where a bound shows it to be within, or where it is not finite."""
        if _bound(w, sigma=self.of == "sigma") <= self.radius:
            return 0.0
        size = spectrum(w)[self.of == "sigma"]
        return size if math.isfinite(size) else 0.0


def _bound(w: Tensor, *, sigma: bool) -> float:
    """At least the radius, or σ_max: Frobenius' norm of a power of ``W``, or of ``WᵀW``."""
    power = w.to(torch.promote_types(w.dtype, torch.float32))
    power = power.T @ power if sigma else power
    log, root = 0.0, 2.0 if sigma else 1.0
    for _ in range(SQUARINGS):
        norm = float(torch.linalg.matrix_norm(power))
        if norm == 0 or not math.isfinite(norm):
            return norm
        log += math.log(norm) / root
        root *= 2
        power = power / norm
        power = power @ power
    norm = float(torch.linalg.matrix_norm(power))
    return math.exp(log + math.log(norm) / root) if norm > 0 else 0.0
