"""One optimizer step as the guard sees it, and what it did about it."""

import logging
import math
from dataclasses import dataclass, field
from typing import Any, Literal

from backsight.distributed import is_first_process

__all__ = ["Act", "Step", "Trouble", "TroubleKind", "announce_act"]

_log = logging.getLogger("backsight")

TroubleKind = Literal[
    "not finite",
    "out of line",
    "spike",
    "diverged",
    "collapsed",
    "steps too large",
    "dead",
    "overshot",
]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something is wrong with the training, as the guard's own vitals tell."""

    kind: TroubleKind
    since: int
    """The iteration at which it began."""
    words: str
    """With its numbers."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that the guard did to the training."""

    iteration: int
    policy: str
    cause: str
    before: float
    """A norm, a rate, an iteration: what the policy says it changes."""
    after: float
    what: str
    """What the two numbers are."""
    often: bool = False
    """Whether the policy may act at every step: then its numbers tell all."""

    @property
    def words(self) -> str:
        """``clip: gradient norm 212 -> 1 (norm above 1)``."""
        return f"{self.policy}: {self.what} {_short(self.before)} → {_short(self.after)} " + (
            f"({self.cause})"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for an event of the run."""
        return {
            "policy": self.policy,
            "cause": self.cause,
            "before": self.before,
            "after": self.after,
            "what": self.what,
            "words": self.words,
        }


@dataclass(slots=True)
class Step:
    """Gradients are in, the optimizer is about to step."""

    iteration: int
    loss: float | None
    """None where nobody told it."""
    norm: float
    """‖∂L/∂θ‖ over everything that has a gradient, unscaled, penalties included; before any
    other act."""
    scale: float = 1.0
    """What a loss scaler has left in the gradients, for a fused optimizer to divide by."""
    inside: bool = False
    """Whether a closure makes the gradients, inside the optimizer's step: they are not known
    (``norm`` is 0), and nothing that is done to them lasts."""
    troubles: tuple[Trouble, ...] = ()
    vetoed: str = ""
    """Why the update is not taken; empty where it is."""
    rolled_back: bool = False
    acts: list[Act] = field(default_factory=list)

    @property
    def finite(self) -> bool:
        """Whether loss and gradient are."""
        return math.isfinite(self.norm) and (self.loss is None or math.isfinite(self.loss))

    def has(self, *kinds: TroubleKind) -> Trouble | None:
        """The first trouble of these kinds."""
        return next((t for t in self.troubles if t.kind in kinds), None)


def announce_act(act: Act, often: int) -> None:
    """Say it in the log; of what may be done at every step, the first, the tenth, …

    Of processes that train together, which all do the same, the first one says it.

    Args:
        act: what was done.
        often: how many of that policy there are by now.
    """
    if not is_first_process():
        return
    if not act.often or often in (1, 10, 100) or often % 1000 == 0:
        times = f", {often:,} times so far" if act.often and often > 1 else ""
        _log.warning("backsight: guard, iteration %s: %s%s", act.iteration, act.words, times)


def _short(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.3g}"
