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

FIRST = 20
"""Norms from the beginning, by which a rate that is far too high shows."""

OVERSHOT = 2.5, 3.2
"""Times the median of the norms so far: with fewer than five of them, and with more.

Of ten healthy settings × 20 seeds none is called so in batches of 20 and more, 1 in 100 in batches
of 8, and 1 in 8 of single sequences. Where it is the rate (16 settings × 5 seeds), 3 of 4 runs are.
"""

LEAP = 0.3
"""‖Δθ‖/‖θ‖ of all matrices together, in the first step of all.

At most 0.1 in ten healthy settings (Adam at 0.01); 1 with Adam at 0.1, whatever the gradient.
"""

RISE = 2.2
"""Times the largest norm so far: what grows step after step, and not one wild batch of many."""

NEAR = 0.3
"""Of what was learned, that may be gone at a snapshot."""

GRACE = 50
"""Losses after the sequences have grown, in which a high one is no trouble: more is asked."""

JUMP = 1.04
"""Times the length before: from there on more is asked than the noise of a batch."""

LEAPT = 1.3
"""Times the length before: from there on it is another task, and learned anew."""

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
        self._first = Recent(FIRST)
        self._leap = -1.0
        self._norm_then = Recent(ROW)
        self._norm_now = Recent(PATIENCE)
        self._high = 0
        self._lost = 0
        self._spike = -GAP
        self._length = 0
        self._grace = 0
        self._anew = False

    def see(
        self, iteration: int, loss: float | None, norm: float, length: int = 0
    ) -> tuple[Trouble, ...]:
        """What is wrong, seen at this step.

        Args:
            iteration: its number.
            loss: at the weights as they are; None where it is not known.
            norm: of the gradient, before clipping.
            length: of the sequences, where a curriculum sets it.
        """
        troubles = []
        if length != self._length:
            grown = length >= JUMP * self._length > 0
            self._anew = length >= LEAPT * self._length > 0
            self._grace = GRACE if grown else 0
            self._length = length
        if not math.isfinite(norm) or (loss is not None and not math.isfinite(loss)):
            what = "gradient norm" if loss is None or math.isfinite(loss) else "loss"
            value = norm if what == "gradient norm" else loss
            troubles.append(Trouble("not finite", iteration, f"the {what} is {value}"))
        elif loss is not None and not self._grace and self._wild(loss):
            usual = self.course.usual.median if len(self.course.usual) else self.course.three
            words = f"the loss is {loss:.3g}, and usually {usual:.3g}"
            troubles.append(Trouble("out of line", iteration, words))
        self.row = self.row + 1 if troubles else 0
        if loss is not None and self._grace:
            self._spare(loss)
        elif loss is not None and not troubles:  # what is learned from them would be wrong
            troubles += self._of_loss(iteration, loss)
        if not (troubles or self._first.full):
            troubles += self._of_first(norm, loss)
        troubles += self._of_steps(iteration, norm)
        self.calm = 0 if troubles else self.calm + 1
        return tuple(troubles)

    def stepped(self, ratio: float, together: float) -> None:
        """A step was measured.

        Args:
            ratio: half of the weight matrices moved by at least this share of their norm.
            together: by which share all of them did.
        """
        self._ratios.add(ratio)
        if self._leap < 0 and not self._first.full:
            self._leap = together

    @property
    def broken(self) -> bool:
        """Whether it is the weights that go wrong, and not a batch."""
        return self.row >= IN_A_ROW

    @property
    def well(self) -> bool:
        """Whether the weights are worth going back to."""
        return not self._grace and self.calm >= PATIENCE and self._gone < NEAR and not self._high

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

    def _spare(self, loss: float) -> None:
        """One loss of a grace, which is over once they are as low as they were."""
        self._now.add(loss)
        self._grace -= 1
        course = self.course
        near = max(NEAR * self._learned, 0.1 * abs(course.best))
        back = self._now.median - course.best < near
        if back and self._grace <= GRACE - ROW and not self._anew:
            self._grace = 0
        if self._anew and not self._grace:
            self.course, self._anew = Course(), False

    def _of_first(self, norm: float, loss: float | None) -> list[Trouble]:
        """Whether the first steps of all made the gradient grow, and not the loss fall."""
        first, course = self._first, self.course
        if self._leap > LEAP:
            words = f"its first step moved the weights by {self._leap:.2g} of their norm"
            self._leap = 0.0
            return [Trouble("overshot", 0, words)]
        usual, largest, spread = first.median, first.quantile(1.0), math.inf
        if usual > 0:
            spread = 3 * first.spread / usual if len(first) > 2 else 0.0
        first.add(norm)
        times = max(OVERSHOT[len(first) > ROW], 1 + spread)
        if len(first) < 2 or not norm > max(times * usual, RISE * largest):
            return []
        if loss is not None and course.three - loss > 0.1 * abs(course.three):
            return []
        return [Trouble("overshot", 0, f"its first steps let the gradient grow from {usual:.3g} "
                                       f"to {norm:.3g}")]  # fmt: skip

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
            "first": self._first.state_dict(),
            "leap": self._leap,
            "norm_then": self._norm_then.state_dict(),
            "norm_now": self._norm_now.state_dict(),
            "high": self._high,
            "lost": self._lost,
            "spike": self._spike,
            "length": self._length,
            "grace": self._grace,
            "anew": self._anew,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As it was."""
        self.course.load_state_dict(state["course"])
        self._ratios.load_state_dict(state["ratios"])
        self._now.load_state_dict(state["now"])
        self._first.load_state_dict(state["first"])
        self._leap = state["leap"]
        self._norm_then.load_state_dict(state["norm_then"])
        self._norm_now.load_state_dict(state["norm_now"])
        self.calm, self.row, self._high = state["calm"], state["row"], state["high"]
        self._lost, self._spike = state["lost"], state["spike"]
        self._length, self._grace = state["length"], state["grace"]
        self._anew = state["anew"]
