"""Learning rate and momentum, changed for the time of a step alone.

A schedule of the user's reads and writes ``group["lr"]`` between steps: it must find there what
it left. So the factor is put on when the optimizer is about to step, and taken off when it has.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import SGD, Optimizer

__all__ = ["LearningRate", "forget_momentum"]

FLOOR = 1e-6
"""No factor is below it: training that needs less does not train."""

NEXT_TO_NONE = 5e-324
"""A momentum that is none in any arithmetic: RMSprop makes the buffer that it asks for ever after
only where there is some."""

FIRST = {"momentum_buffer", "exp_avg"}
"""What optimizers call their averages of gradients."""

SECOND = {"exp_avg_sq", "max_exp_avg_sq", "square_avg", "grad_avg", "mu_product", "step"}
"""And those of squares, with what goes along with them."""

PRODUCTS = {"mu_product": 1.0}
"""Those that begin at something else than 0."""

LOWER = 0.7
"""The highest that recovery goes to, of the factor at which there was an anomaly."""


class LearningRate:
    """A factor on every learning rate, and whether momentum is off."""

    def __init__(self) -> None:
        self.factor = 1.0
        self.ceiling = 1.0
        """How far the factor may recover."""
        self.low = 1.0
        """What it was last lowered to."""
        self.warmup = 1.0
        """A further factor, which a policy sets anew in each step."""
        self.momentum_off = False
        self._kept: list[tuple[dict[str, Any], str, Any]] = []

    def lower(self, by: float, ceiling: float = LOWER) -> tuple[float, float]:
        """Multiply the factor by ``by``; returns it before and after.

        Args:
            by: a factor below 1.
            ceiling: how far it may recover, of what it was.
        """
        before = self.factor
        self.ceiling = max(before * max(ceiling, by), FLOOR)
        self.factor = self.low = max(before * by, FLOOR)
        return before, self.factor

    def recover(self, by: float, ceiling_by: float = 1.0) -> None:
        """Let the factor grow, up to the ceiling; and the ceiling, up to 1."""
        self.ceiling = min(1.0, self.ceiling * ceiling_by)
        self.factor = min(self.ceiling, self.factor * by)

    def retreat(self, by: float) -> None:
        """Let the factor shrink again, but not below what it was last lowered to."""
        self.factor = max(min(self.low, self.factor), self.factor * by)

    def put_on(self, optimizer: Optimizer) -> None:
        """Before the optimizer steps."""
        factor = self.factor * self.warmup
        for group in optimizer.param_groups:
            if factor != 1.0:
                self._keep(group, "lr")
                group["lr"] = group["lr"] * factor
            if self.momentum_off and "betas" in group:
                self._keep(group, "betas")
                none = group["betas"][0] * 0.0  # a tensor stays one
                group["betas"] = (none, *group["betas"][1:])
            elif self.momentum_off and group.get("momentum"):
                self._keep(group, "momentum")
                group["momentum"] = 0.0 if isinstance(optimizer, SGD) else NEXT_TO_NONE
                if group.get("nesterov"):  # it needs a momentum
                    self._keep(group, "nesterov")
                    group["nesterov"] = False

    def take_off(self) -> None:
        """After it has stepped, or failed to; a second call does nothing."""
        for group, name, value in reversed(self._kept):
            group[name] = value
        self._kept = []

    def _keep(self, group: dict[str, Any], name: str) -> None:
        self._kept.append((group, name, group[name]))

    def state_dict(self) -> dict[str, Any]:
        """Plain values; ``low`` where it is not the factor, as before there was such."""
        return {
            "factor": self.factor, "ceiling": self.ceiling, "momentum_off": self.momentum_off,
            **({"low": self.low} if self.low != self.factor else {}),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As it was."""
        self.factor, self.ceiling = state["factor"], state["ceiling"]
        self.low = state.get("low", self.factor)
        self.momentum_off = state["momentum_off"]


def forget_momentum(optimizer: Optimizer, *, second: bool = False) -> None:
    """Empty the buffers of past gradients; with ``second``, those of squares and the step count."""
    names = FIRST | SECOND if second else FIRST
    for state in optimizer.state.values():
        if isinstance(optimizer, SGD):  # its first gradient is not damped, in an empty one
            state["momentum_buffer"] = None
        for name in names & state.keys():
            if isinstance(state[name], Tensor):
                state[name].fill_(PRODUCTS.get(name, 0.0))
            elif name == "step":
                state[name] = 0
