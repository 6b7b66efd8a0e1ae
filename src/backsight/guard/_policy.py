"""What a policy is: it looks at a step before it is taken, and may change it."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, ClassVar, Protocol

from torch import nn
from torch.optim import Optimizer

from backsight.diagnosis import Recent, StabilityTracker
from backsight.errors import SettingError
from backsight.guard._learning_rate import LearningRate
from backsight.guard._step import Step

__all__ = ["GuardContext", "Policy", "Stage"]


class Stage(IntEnum):
    """When in a step a policy acts.

    Example:
        >>> from backsight.guard import Skip, Stage, WeightLimit
        >>> [stage.name for stage in Stage]
        ['PENALTY', 'ROLLBACK', 'SKIP', 'CLIP', 'PACE', 'WEIGHTS']
        >>> Skip.stage < WeightLimit.stage
        True
    """

    PENALTY = 0
    """Terms are added to the gradients; what comes after sees the norm with them."""
    ROLLBACK = 1
    SKIP = 2
    CLIP = 3
    PACE = 4
    """Learning rate and momentum."""
    WEIGHTS = 5
    """After the step."""


class GuardContext(Protocol):
    """All that a policy may ask of the guard it belongs to, and have it do."""

    @property
    def model(self) -> nn.Module:
        """What is trained."""

    @property
    def optimizers(self) -> Sequence[Optimizer]:
        """What moves it, in one step."""

    @property
    def parameters(self) -> Sequence[nn.Parameter]:
        """Everything that the optimizers move, each once."""

    @property
    def policies(self) -> Sequence["Policy"]:
        """All of the guard's, in the order of a step."""

    @property
    def iteration(self) -> int:
        """Steps so far, taken or not, the one under way included."""

    @property
    def learning_rate(self) -> LearningRate:
        """Factor on the learning rate, and whether momentum is off."""

    @property
    def stability(self) -> StabilityTracker:
        """How the run is: how long it has been calm, how many steps in a row were broken."""

    @property
    def newest_snapshot(self) -> int:
        """The iteration of the newest good state in memory."""

    def record(
        self, policy: "Policy", cause: str, before: float, after: float, quantity: str = ""
    ) -> None:
        """Note what ``policy`` has done: once, after it was done.

        Args:
            policy: whose act it is.
            cause: why.
            before: the quantity before.
            after: and after.
            quantity: what that is, where it is not the policy's usual one.
        """

    def scale_gradients(self, factor: float) -> None:
        """Multiply every gradient."""

    def forget_momentum(self, *, second: bool = False) -> None:
        """Empty the optimizers' buffers of past gradients; with ``second``, of their squares, too.

        The optimizers' step counts then begin anew.
        """

    def put_rates_right(self) -> list[tuple[float, float]]:
        """Set learning rates back that left 100 times their range and that no scheduler set.

        Returns:
            each rate as it was found and as it is now.
        """

    def mend_buffers(self) -> None:
        """Give back buffers of the model that are not finite, as they were last."""

    def roll_back(self, since: int, further: int = 0, *, blame: bool = True) -> int:
        """Make everything as it was at a good snapshot; returns the iteration that it is of.

        Args:
            since: when it began to go wrong: the snapshot is older.
            further: how many snapshots to go back beyond it.
            blame: whether the batches since may have done it: then they are passed over.
        """


@dataclass
class Policy:
    """One way of acting on training.

    Settings are fields, checked when the policy is made. What it remembers is a field that is
    not an argument: a number, text, None, a list of numbers or a :class:`Recent`, so that it can
    be saved.

    Example:
        >>> import torch
        >>> from backsight.guard import Guard, Policy, Stage
        >>> class Halve(Policy):
        ...     name, stage, quantity = "halve", Stage.CLIP, "gradient norm"
        ...     def on_gradients_ready(self, step, guard):
        ...         guard.scale_gradients(0.5)
        ...         guard.record(self, "always", step.norm, step.norm / 2)
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> guard = Guard(model, torch.optim.SGD(model.parameters(), lr=0.1), Halve())
        >>> model(torch.tensor([[3.0, 4.0]])).sum().backward()
        >>> [(act.policy, act.before, act.after) for act in guard.step()]
        [('halve', 5.0, 2.5)]
    """

    name: ClassVar[str]
    """As on the command line and in the names of its signals."""
    stage: ClassVar[Stage]
    quantity: ClassVar[str]
    """What the numbers before and after an act are."""
    main: ClassVar[str] = ""
    """The setting that ``name=value`` on the command line sets; empty where there is none."""
    frequent: ClassVar[bool] = False
    """Whether it may act at every step, as a matter of course."""

    def start(self, guard: GuardContext) -> None:
        """The guard is complete; nothing has been trained.

        Raises:
            SettingError: this model or optimizer gives it nothing to do.
        """

    def on_gradients_ready(self, step: Step, guard: GuardContext) -> None:
        """Gradients are in; the optimizer has not stepped."""

    def on_step_end(self, step: Step, guard: GuardContext) -> None:
        """The optimizer has stepped, or was kept from it."""

    def on_rollback(self, guard: GuardContext) -> None:
        """The weights are those of a snapshot again, and so is what the policies remember."""

    def close(self) -> None:
        """The guard is taken off: so is whatever ``start`` has put on the model."""

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, in plain values."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self) if not f.init}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Remember that again."""
        for f in fields(self):
            if f.init or f.name not in state:
                continue
            own = getattr(self, f.name)
            if isinstance(own, Recent):
                own.load_state_dict(state[f.name])
            else:
                setattr(self, f.name, _plain(state[f.name]))

    def _above(self, least: float, *names: str) -> None:
        """Check that settings are finite numbers above a bound."""
        for name in names:
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (number and math.isfinite(value) and value > least):
                raise SettingError(
                    f"guard policy {self.name}: {name} must be a number above {least:g}, "
                    f"not {value!r}"
                )

    def _share(self, *names: str) -> None:
        """Check that settings lie between 0 and 1, neither included."""
        for name in names:
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (number and 0 < value < 1):
                raise SettingError(
                    f"guard policy {self.name}: {name} must lie between 0 and 1, not {value!r}"
                )

    def _one_of(self, known: Collection[str], name: str) -> None:
        """Check that a setting is one of several words."""
        value = getattr(self, name)
        if value not in known:
            raise SettingError(
                f"guard policy {self.name}: {name} must be one of {', '.join(known)}, not {value!r}"
            )

    def _count(self, least: int, *names: str) -> None:
        """Check that settings are whole numbers of at least a bound."""
        for name in names:
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not (whole and value >= least):
                raise SettingError(
                    f"guard policy {self.name}: {name} must be a whole number of at least "
                    f"{least}, not {value!r}"
                )


def _plain(value: Any) -> Any:
    """What is saved of it; a list is copied, because it goes on changing."""
    if isinstance(value, Recent):
        return value.state_dict()
    return list(value) if isinstance(value, list) else value
