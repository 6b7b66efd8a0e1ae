"""``omega``: a penalty on states whose gradient grows or fades from one step to the next."""

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from backsight.errors import SettingError
from backsight.guard._gradients import agree
from backsight.guard._policy import GuardContext, Policy, Stage
from backsight.guard._recurrent import refuse_closures
from backsight.guard._step import Step
from backsight.layers import adapter_of
from backsight.probes import Catcher, Layered, ModuleCalls, named_modules, tensor_norms, walk

__all__ = ["Omega"]

VARIANTS = ("code", "paper")


@dataclass
class Omega(Policy):
    """Add ``weight`` times the gradient of Ω to that of each ``W_hh`` of an ``nn.RNN``.

    With r = ‖∂L/∂h_{k+1} · ∂h_{k+1}/∂h_k‖ / ‖∂L/∂h_{k+1}‖, for every state h_{k+1} that a
    gradient arrives at (h_0 is the first h_k):

    * ``code``, as in the authors' program: Ω is the mean of (r² - 1)² over sequences and steps;
    * ``paper``, as printed: Ω is the mean over sequences of Σ_k (r - 1)².

    Either way only the immediate derivative is taken: ∂L/∂h_{k+1} and the slope of the
    activation count as constants, so that ∂h_{k+1}/∂h_k = diag(slope) W_hh depends on W_hh alone.
    The states are those after the activation. ``sequences`` of each batch are followed, evenly
    spaced. A state that no gradient arrives at has no r and is left out.

    It acts at every step whose gradient is finite, and costs a second backward pass through those
    sequences' states: on a CPU a third to a half more, with 8 of 32. Gates have no such closed
    form: GRU and LSTM are left alone.

    Source: Pascanu, Mikolov, Bengio 2013, §3.3; 4 is their weight on temporal order.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.guard import Guard, Omega
        >>> rnn = nn.RNN(1, 4, batch_first=True)
        >>> guard = Guard(rnn, torch.optim.SGD(rnn.parameters(), lr=0.1), Omega(weight=4.0))
        >>> rnn(torch.randn(2, 10, 1))[1].sum().backward()
        >>> plain = rnn.weight_hh_l0.grad.clone()
        >>> [act.policy for act in guard.step()], torch.equal(rnn.weight_hh_l0.grad, plain)
        (['omega'], False)
    """

    name: ClassVar[str] = "omega"
    stage: ClassVar[Stage] = Stage.PENALTY
    frequent: ClassVar[bool] = True
    quantity: ClassVar[str] = "gradient norm of the recurrent matrices"
    main: ClassVar[str] = "weight"

    weight: float = 4.0
    variant: str = "code"
    sequences: int = 8

    def __post_init__(self) -> None:
        self._above(0, "weight")
        self._one_of(VARIANTS, "variant")
        self._count(1, "sequences")
        self._catcher = Catcher(self.sequences)
        self._trained: dict[int, nn.Parameter] = {}
        self._errors: list[Exception] = []
        self._module_calls: ModuleCalls | None = None

    def start(self, guard: GuardContext) -> None:
        """Watch the layers."""
        refuse_closures(guard.optimizers, self.name)
        self._module_calls = watching = ModuleCalls(self._errors.append)
        moved = {id(parameter) for parameter in guard.parameters}
        for path, module in named_modules(guard.model):
            adapter = adapter_of(module)
            if adapter is None or adapter.reading != "fused" or adapter.gates:
                continue
            matrices = [
                matrix.parameter
                for matrix in adapter.recurrent_matrices(module)
                if isinstance(matrix.parameter, nn.Parameter) and id(matrix.parameter) in moved
            ]
            if matrices:
                self._trained.update((id(parameter), parameter) for parameter in matrices)
                self._watch(watching, path, cast(nn.RNNBase, module))
        if not self._trained:
            raise SettingError(
                "guard policy omega needs an nn.RNN whose W_hh is trained, and the model has none "
                "(omega supports neither gated layers nor cells that a loop calls)"
            )

    def close(self) -> None:
        """Watch nothing any longer."""
        if self._module_calls is not None:
            self._module_calls.close()
        self._module_calls = None
        self._catcher.forget()

    def on_gradients_ready(self, step: Step, guard: GuardContext) -> None:
        """Add it.

        Raises:
            Exception: what went wrong in a forward, where it could not be raised.
        """
        for error in self._errors:
            raise error
        calls = self._catcher.take()
        self._catcher.forget()
        if step.inside or not step.finite:
            return  # in every process alike
        tally = _Tally(self._trained, paper=self.variant == "paper")
        walk(calls, tally.add)
        omega, gradients = tally.result()
        if not omega > 0:
            return  # nothing arrived, or it is not finite
        there = [(p.grad, g) for p, g in gradients if p.grad is not None]
        own = [gradient for gradient, _ in there]
        if not own:
            return
        before = float(tensor_norms(own).norm())
        for gradient, penalty in there:
            gradient.add_(penalty.to(gradient.dtype), alpha=self.weight * step.scale)
        after = float(tensor_norms(own).norm())
        guard.record(self, f"Ω is {omega:.3g}", before / step.scale, after / step.scale)

    def on_step_end(self, step: Step, guard: GuardContext) -> None:
        """Let go of what a closure ran inside the step: the penalty is not about that."""
        if step.inside:
            self._catcher.forget()

    def _watch(self, watching: ModuleCalls, path: str, module: nn.RNNBase) -> None:
        def before(_module: nn.Module, _inputs: Any, _named: Any) -> None:
            self._catcher.before(path, module)

        def after(_module: nn.Module, inputs: Any, named: Any, result: Any) -> None:
            self._catcher.after(path, module, inputs, named, result)

        watching.watch(module, before=before, after=after)


class _Tally:
    """Ω and its gradient, added up over layers, directions and calls.

    Args:
        trained: the recurrent matrices.
        paper: whether to add up over steps; else it is a mean over them.
    """

    def __init__(self, trained: dict[int, nn.Parameter], *, paper: bool) -> None:
        self._paper = paper
        self._trained = trained
        self._value = {key: torch.zeros((), dtype=torch.float64) for key in trained}
        self._count = {key: torch.zeros((), dtype=torch.float64) for key in trained}
        self._gradient = {
            key: torch.zeros_like(p, dtype=torch.promote_types(p.dtype, torch.float32))
            for key, p in trained.items()
        }
        self._chains: set[tuple[int, int]] = set()

    def add(self, one: Layered) -> None:
        """One layer in one direction of one call."""
        key = id(getattr(one.call.module, f"weight_hh_{one.suffix}"))
        if key not in self._trained:
            return
        w = one.states.layer.w_hh.to(self._gradient[key].dtype)
        total = one.total.h[:, 0].to(w.dtype)
        # Scaled before it is squared: what has faded is what counts.
        largest = total.abs().amax(-1, keepdim=True)
        arrived = largest > 0
        unit = torch.where(arrived, total / largest, 0)
        unit = unit / torch.linalg.vector_norm(unit, dim=-1, keepdim=True).clamp(min=1)
        h = one.states.h.to(w.dtype)
        delta = (unit * one.states.layer.slope(h)).flatten(0, 1)
        back = delta @ w
        r = torch.linalg.vector_norm(back, dim=-1, keepdim=True)
        counts = arrived.flatten(0, 1)
        if self._paper:
            off = r - 1
            slope = torch.where(r > 0, 2 * off / r, 0)
        else:
            off = r * r - 1
            slope = 4 * off
        self._value[key] += torch.where(counts, off * off, 0).sum().cpu().double()
        self._gradient[key] += delta.T @ (slope * back)  # δ is zero where none arrived
        if not self._paper:
            self._count[key] += counts.sum().cpu()
        elif (key, one.chain) not in self._chains:  # calls in a chain are of the same sequences
            self._chains.add((key, one.chain))
            self._count[key] += total.shape[1]

    def result(self) -> tuple[float, list[tuple[nn.Parameter, Tensor]]]:
        """Ω of all layers together, and by matrix its gradient; the same in every process."""
        shares = {key: count.clamp(min=1) for key, count in self._count.items()}
        value = sum(float(self._value[key] / shares[key]) for key in self._trained)
        parts = [self._gradient[key] / shares[key].to(self._gradient[key])
                 for key in self._trained]  # fmt: skip
        first = parts[0]
        flat = torch.cat([first.new_tensor([value]), *(part.flatten().to(first) for part in parts)])
        flat = agree(flat)
        if not bool(torch.isfinite(flat).all()):
            return float("nan"), []
        pieces = torch.split(flat[1:], [part.numel() for part in parts])
        gradients = [
            (parameter, piece.view_as(parameter).to(parameter.device))
            for parameter, piece in zip(self._trained.values(), pieces, strict=True)
        ]
        return float(flat[0]), gradients
