"""The iteration under way: what is known of it so far, and the scalars of every one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from backsight.monitor._backward import Gradients
from backsight.monitor._outbox import Outbox
from backsight.probes import GradientProfile, tensor_norms, total_norm

__all__ = ["Iteration"]


@dataclass(slots=True)
class Iteration:
    """One iteration, from its first forward until the next one shows itself."""

    sampling: bool
    """Whether the gradient through time is measured in it."""
    numbers: dict[str, float | Tensor] = field(default_factory=dict)
    """Scalars by name: told, or read from the optimizers."""
    loss: Tensor | None = None
    """As seen."""
    computed: Tensor | None = None
    """Gradient norms by parameter, before clipping."""
    names: list[str] = field(default_factory=list)
    """Of those parameters."""
    applied: list[Tensor] = field(default_factory=list)
    """Gradient norms as each optimizer read them."""
    scale: Tensor | None = None
    """What the newest loss was multiplied by (AMP)."""
    passes: int = 0
    """Backward passes so far."""
    passes_before: int = 0
    """Those before the step under way."""
    steppers: list[int] = field(default_factory=list)
    """Identities of optimizers that have begun to step."""
    marks: list[tuple[int, int]] = field(default_factory=list)
    """Which gradients there were, in which version, when the newest pass ended."""
    passed: float | None = None
    """When that was."""
    shared: list[int] = field(default_factory=list)
    """Other monitors that it brought gradients to."""
    lent: bool = False
    """Whether one of them has stepped on it."""
    ended: float | None = None
    """When the newest step ended: the iteration is over unless another optimizer steps."""
    profiles: dict[str, GradientProfile] = field(default_factory=dict)
    """The gradient through time, by layer."""
    replayed: bool = False
    spent: float = 0.0
    """Seconds that sampling took."""

    def add_loss(self, loss: Tensor | None) -> None:
        """Losses of several backward passes add up, as their gradients do."""
        if loss is not None:
            loss = loss.detach()
            loss = loss.clone() if loss.dim() == 0 else loss.sum()
            self.loss = loss if self.loss is None else self.loss + loss

    def see_loss(
        self, roots: tuple[Tensor, ...], gradients: Gradients, scale: Tensor | None
    ) -> None:
        """``L`` is what the roots and the gradients they were given make."""
        for root, gradient in zip(roots, gradients, strict=True):
            root = root.detach()
            whole = root if gradient is None else root * gradient.detach()
            self.add_loss(whole if scale is None else whole / scale.to(whole.device))

    def measure_gradient(
        self, parameters: Mapping[str, nn.Parameter], scale: Tensor | None = None
    ) -> None:
        """Norms of the gradients as they are now, ``scale`` divided out."""
        named = {n: p.grad for n, p in parameters.items() if p.grad is not None}
        if named:
            norms = tensor_norms(list(named.values()))
            self.computed = norms if scale is None else norms / scale.to(norms.device)
            self.names = list(named)

    def measure_applied(self, optimizer: Optimizer, parameters: Mapping[str, nn.Parameter]) -> None:
        """Norms of the gradients as ``optimizer`` is about to read them."""
        gradients = [p.grad for p in parameters.values() if p.grad is not None]
        if gradients:
            norms = tensor_norms(gradients)
            scale = getattr(optimizer, "grad_scale", None)  # a fused optimizer divides by itself
            self.applied.append(norms if scale is None else norms / scale)

    def read_settings(self, optimizer: Optimizer, number: int) -> None:
        """Learning rate and momentum of the first group; ``number`` tells optimizers apart."""
        group = optimizer.param_groups[0]
        which = f"/{number + 1}" if number else ""
        momentum = group["betas"][0] if "betas" in group else group.get("momentum", 0.0)
        for name, value in ((f"lr{which}", group["lr"]), (f"momentum{which}", momentum)):
            # A schedule writes the next rate into the same tensor.
            self.numbers[name] = value.clone() if isinstance(value, Tensor) else value

    def record(self, iteration: int, outbox: Outbox) -> None:
        """Hand over what there is."""
        if self.loss is not None:
            self.numbers.setdefault("loss", self.loss)
        if self.computed is not None:
            total = self.numbers["grad_norm"] = total_norm(self.computed)
            if self.sampling or outbox.first_broken(total):  # which of them was it?
                members = [f"grad_norm/{name}" for name in self.names]
                outbox.scalars(members, iteration, self.computed)
        if self.applied:
            several = len(self.applied) > 1
            applied = torch.cat(self.applied) if several else self.applied[0]
            self.numbers["grad_norm_applied"] = total_norm(applied)
        here: dict[str, float] = {}
        for name, value in self.numbers.items():
            if isinstance(value, Tensor):
                outbox.scalar(name, iteration, value)
            else:
                here[name] = float(value)
        outbox.here(iteration, here)
