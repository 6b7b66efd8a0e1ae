"""How the run is, told at every step and at once: what the guard acts on.

The rules of ``backsight.diagnosis`` judge for people: they take their time to be sure. Here a
wrong alarm costs a rollback and a late one the run, so the same statistics are asked sooner.
Nothing depends on when a value was measured, so that a run that is resumed acts alike.
"""

import math
from collections.abc import Mapping
from typing import Any

from backsight.diagnosis import Course, Recent
from backsight.guard._step import Trouble

__all__ = ["Vitals"]

SIGMAS = 10.0
"""Of a loss above the last ones: what the noise of a small batch does once in 10,000."""

WILD = 10.0
"""Times where the loss began, or usually is: no batch of the same data goes there."""

WORTH = 0.3
"""Of what has been learned, that a spike costs at the least."""

LEAST = 0.2
"""Of where the loss began, that it must have come down by to have learned."""

LOST = 0.5
"""Of what was learned, that is gone when a run has collapsed."""

ABOVE = 0.5
"""Of where the loss began, that it stands above it when a run has diverged."""

IN_A_ROW = 3
"""Steps that are not finite or out of line, after which it is the weights and not the batch."""

PATIENCE = 10
"""Losses in a row: a spike may be over by then, and little is lost until then."""

LARGE = 0.02
"""‖Δθ‖/‖θ‖ of half of the matrices, above which steps that teach nothing are too large.

Temporal order of 30 steps, orthogonal: Adam at 0.003 learns with 0.013; 0.01 (0.024) and 0.02
(0.028) learn nothing.
"""

DEAD = 0.01
"""Of the gradient's norm at the beginning: with less, and nothing learned, no unit answers."""

ROW = 5
"""Measured steps whose median counts."""

NEAR = 0.3
"""Of what was learned, that may be gone at a snapshot."""

GAP = 200
"""Iterations after which a spike is news again."""


class Vitals:
    """Judges one step after the other."""

    def __init__(self) -> None:
        self.course = Course()
        self.calm = 0
        """Steps since the last trouble."""
        self.row = 0
        """Steps in a row that were not finite, or out of line."""
        self._ratios = Recent(ROW)
        self._now = Recent(ROW)
        self._norm_then = Recent(ROW)
        self._norm_now = Recent(PATIENCE)
        self._high = 0
        self._lost = 0
        self._spike = -GAP

    def see(self, iteration: int, loss: float | None, norm: float) -> tuple[Trouble, ...]:
        """What is wrong, seen at this step.

        Args:
            iteration: its number.
            loss: at the weights as they are; None where it is not known.
            norm: of the gradient, before clipping.
        """
        troubles = []
        if not math.isfinite(norm) or (loss is not None and not math.isfinite(loss)):
            what = "gradient norm" if loss is None or math.isfinite(loss) else "loss"
            value = norm if what == "gradient norm" else loss
            troubles.append(Trouble("not finite", iteration, f"the {what} is {value}"))
        elif loss is not None and self._wild(loss):
            usual = self.course.usual.median if len(self.course.usual) else self.course.three
            words = f"the loss is {loss:.3g}, and usually {usual:.3g}"
            troubles.append(Trouble("out of line", iteration, words))
        self.row = self.row + 1 if troubles else 0
        if loss is not None and not troubles:  # what is learned from them would be wrong
            troubles += self._of_loss(iteration, loss)
        troubles += self._of_steps(iteration, norm)
        self.calm = 0 if troubles else self.calm + 1
        return tuple(troubles)

    def stepped(self, ratio: float) -> None:
        """A step moved half of the weight matrices by at least this share of their norm."""
        self._ratios.add(ratio)

    @property
    def broken(self) -> bool:
        """Whether it is the weights that go wrong, and not a batch."""
        return self.row >= IN_A_ROW

    @property
    def well(self) -> bool:
        """Whether the weights are worth going back to."""
        return self.calm >= PATIENCE and self._gone < NEAR and not self._high

    @property
    def _learned(self) -> float:
        """How far the loss had come down; 0 where that is not worth the word."""
        course = self.course
        enough = course.progress > max(LEAST * abs(course.start), 2 * course.margin)
        return course.progress if enough else 0.0

    @property
    def _gone(self) -> float:
        """The share of it that is gone."""
        course = self.course
        return (course.level - course.best) / self._learned if self._learned else 0.0

    def _of_loss(self, iteration: int, loss: float) -> list[Trouble]:
        course = self.course
        course.add(iteration, loss)
        self._now.add(loss)
        troubles = []
        spike = self._jumped(loss)
        if spike and iteration - self._spike >= GAP:
            self._spike = iteration
            troubles.append(Trouble("spike", iteration, spike))
        self._lost = self._lost + 1 if self._gone > LOST else 0
        if self._lost >= PATIENCE:
            words = f"the loss had come down to {course.best:.3g} and is back at {course.level:.3g}"
            troubles.append(Trouble("collapsed", max(0, iteration - self._lost - PATIENCE), words))
        began = course.three
        limit = began + max(ABOVE * abs(began), 6 * course.noise if course.count > 3 else 0.0)
        self._high = self._high + 1 if self._now.full and self._now.median > limit else 0
        if self._high >= PATIENCE:
            words = f"the loss is at {self._now.median:.3g}, and began at {began:.3g}"
            troubles.append(Trouble("diverged", max(0, iteration - self._high - ROW), words))
        return troubles

    def _wild(self, loss: float) -> bool:
        """Whether it is far from anything so far."""
        course = self.course
        if not course.count:
            return False
        usual = course.usual.median if len(course.usual) else course.three
        scale = max(abs(course.three), abs(usual), course.noise)
        return scale > 0 and loss - usual > WILD * scale

    def _jumped(self, loss: float) -> str:
        """How far one loss is above the last ones, in words, if that is far."""
        course, usual = self.course, self.course.usual
        if len(usual) < ROW:
            return ""
        middle, spread = usual.newest(20)
        worth = max(course.start - middle, 0.1 * abs(course.start))
        rise = loss - middle
        if rise <= WORTH * worth:
            return ""
        # A handful of values says little of what is usual.
        least = worth / (20 if len(usual) >= 20 else 1)
        spread = max(spread, usual.spread / 2, 0.01 * abs(middle), least)
        if rise <= SIGMAS * spread:
            return ""
        return f"the loss rose from {middle:.3g} to {loss:.3g}"

    def _of_steps(self, iteration: int, norm: float) -> list[Trouble]:
        course = self.course
        if not self._norm_then.full:
            self._norm_then.add(norm)
        self._norm_now.add(norm)
        if not course.settled:
            return []
        if course.began - course.level > 0.05 * abs(course.began):
            return []  # large as they are, they lead somewhere
        since = max(0, iteration - 2 * course.LEVEL)
        then, now = self._norm_then.median, self._norm_now.median
        if now < DEAD * then:
            words = f"nothing is learned, and the gradient has fallen from {then:.2g} to {now:.2g}"
            return [Trouble("dead", since, words)]
        if self._ratios.full and self._ratios.median > LARGE:
            words = f"a step moves half of the matrices by {self._ratios.median:.2g} of their norm"
            return [Trouble("steps too large", since, words)]
        return []

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "course": self.course.state_dict(),
            "calm": self.calm,
            "row": self.row,
            "ratios": self._ratios.state_dict(),
            "now": self._now.state_dict(),
            "norm_then": self._norm_then.state_dict(),
            "norm_now": self._norm_now.state_dict(),
            "high": self._high,
            "lost": self._lost,
            "spike": self._spike,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As it was."""
        self.course.load_state_dict(state["course"])
        self._ratios.load_state_dict(state["ratios"])
        self._now.load_state_dict(state["now"])
        self._norm_then.load_state_dict(state["norm_then"])
        self._norm_now.load_state_dict(state["norm_now"])
        self.calm, self.row, self._high = state["calm"], state["row"], state["high"]
        self._lost, self._spike = state["lost"], state["spike"]
