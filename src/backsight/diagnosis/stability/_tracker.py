"""How the run is, told at every step and at once: what a guard and a curriculum act on.

The formulas are those of the rules, with the fast constants. What the rules leave to others is
decided here: how long a high loss is tolerated after sequences have grown, what the first steps
tell of the rate, and which steps teach nothing. Nothing depends on when a value was measured, so
that a run that is resumed acts alike.
"""

import math
from collections.abc import Mapping
from typing import Any

from backsight.diagnosis._robust import Recent
from backsight.diagnosis.stability._anomaly import Anomaly
from backsight.diagnosis.stability._formulas import (
    divergence_limit,
    first_non_finite,
    learning_bar,
    rise_above_usual,
)
from backsight.diagnosis.stability._history import LossHistory
from backsight.diagnosis.stability._presets import FAST

__all__ = ["StabilityTracker"]

WILD = 10.0
"""Times where the loss began, or usually is: no batch of the same data goes there."""

IN_A_ROW = 3
"""Steps that are not finite or out of line, after which it is the weights and not the batch."""

EVEN = 5.0
"""Times their median, that the newest ten gradient norms stay below where nothing announces it.

In small batches, the norms of a healthy training vary by a factor of 3 among ten.
"""

CALM = 10
"""Steps without an anomaly, after which the weights are worth keeping."""

LAG = LossHistory.LEVEL // 2
"""Losses by which a level, a median of 20, comes after what has happened."""

NORMS = 10
"""Newest gradient norms, whose median is held against the first ones."""

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
"""Losses after the sequences have grown, in which a high one is no anomaly: more is asked."""

JUMP = 1.04
"""Times the length before: from there on more is asked than the noise of a batch."""

LEAPT = 1.3
"""Times the length before: from there on it is another task, and learned anew."""

RISING = 80
"""Losses by which it shows whether they rise."""

GAP = 200
"""Iterations after which a spike is news again."""


class StabilityTracker:
    """Judges one step after the other.

    Example:
        >>> from backsight.diagnosis import StabilityTracker
        >>> tracker = StabilityTracker()
        >>> for iteration in range(100):
        ...     calm = tracker.update(iteration, 2.0 - iteration / 100, norm=0.5)
        >>> [anomaly.kind for anomaly in tracker.update(100, 50.0, norm=0.5)], calm
        (['out of line'], ())
    """

    def __init__(self) -> None:
        self.history = LossHistory()
        self.calm = 0
        """Steps since the last anomaly."""
        self.row = 0
        """Steps in a row that were not finite, or out of line."""
        self.sudden = False
        """Whether nothing in a settled training announced the newest row of them."""
        self._ratios = Recent(ROW)
        self._now = Recent(ROW)
        self._first = Recent(FIRST)
        self._leap = -1.0
        self._norm_then = Recent(ROW)
        self._norm_now = Recent(NORMS)
        self._high = 0
        self._lost = 0
        self._spike = -GAP
        self._length = 0
        self._grace = 0
        self._anew = False

    def update(
        self, iteration: int, loss: float | None, norm: float, length: int = 0
    ) -> tuple[Anomaly, ...]:
        """What is wrong, seen at this step.

        Args:
            iteration: its number.
            loss: at the weights as they are; None where it is not known.
            norm: of the gradient, before clipping.
            length: of the sequences, where a curriculum sets it.
        """
        anomalies = []
        if length != self._length:
            grown = length >= JUMP * self._length > 0
            self._anew = length >= LEAPT * self._length > 0
            self._grace = GRACE if grown else 0
            self._length = length
        broken = first_non_finite((("loss", loss), ("gradient norm", norm)))
        if broken is not None:
            what, value = broken
            anomalies.append(Anomaly("not finite", iteration, f"the {what} is {value}"))
        elif loss is not None and not self._grace and self._wild(loss):
            words = f"the loss is {loss:.3g}, and its usual value is {self._usual:.3g}"
            anomalies.append(Anomaly("out of line", iteration, words))
        if anomalies and not self.row:
            self.sudden = self._even
        self.row = self.row + 1 if anomalies else 0
        if loss is not None and self._grace:
            self._spare(loss)
        elif loss is not None and not anomalies:  # what is learned from them would be wrong
            anomalies += self._of_loss(iteration, loss)
        if not (anomalies or self._first.full):
            anomalies += self._of_first(norm, loss)
        anomalies += self._of_steps(iteration, norm)
        self.calm = 0 if anomalies else self.calm + 1
        return tuple(anomalies)

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
        return not self._grace and self.calm >= CALM and self._gone < NEAR and not self._high

    @property
    def rising(self) -> bool:
        """Whether the loss is above where it was 20 to 80 steps before, beyond its noise."""
        losses = Recent(RISING)
        losses.load_state_dict(self.history.newest(RISING))
        level, spread = losses.newest(LossHistory.LEVEL)
        before, usual = losses.newest(RISING - LossHistory.LEVEL, LossHistory.LEVEL)
        # 1.25 σ/√n is the standard error of a median
        return level - before > 3 * 1.25 * max(spread, usual) / math.sqrt(LossHistory.LEVEL)

    @property
    def _even(self) -> bool:
        """Whether steps so far were as usual: a rate that is too high makes them wild first."""
        norms = self._norm_now
        usual = norms.full and norms.quantile(1.0) <= EVEN * norms.median
        return usual and self.well and self.history.settled

    @property
    def _learned(self) -> float:
        """How far the loss had come down; 0 where that is not worth the word."""
        progress = self.history.progress
        return progress if progress > learning_bar(self.history, FAST.collapse_least) else 0.0

    @property
    def _gone(self) -> float:
        """The share of it that is gone."""
        history = self.history
        return (history.level - history.best) / self._learned if self._learned else 0.0

    @property
    def _usual(self) -> float:
        """The loss that was to be expected, from the second one on."""
        history = self.history
        return history.usual.median if len(history.usual) else history.three

    def _of_loss(self, iteration: int, loss: float) -> list[Anomaly]:
        history = self.history
        history.add(iteration, loss)
        self._now.add(loss)
        anomalies = []
        spike = self._jumped(loss)
        if spike and iteration - self._spike >= GAP:
            self._spike = iteration
            anomalies.append(Anomaly("spike", iteration, spike))
        self._lost = self._lost + 1 if self._gone > FAST.collapse_share else 0
        if self._lost >= FAST.collapse_patience:
            best, level = history.best, history.level
            words = f"the loss fell to {best:.3g} and is back at {level:.3g}"
            anomalies.append(Anomaly("collapsed", max(0, iteration - self._lost - LAG), words))
        began = history.three
        limit = divergence_limit(
            began,
            history.noise if history.count > 3 else 0.0,
            rise=FAST.divergence_rise,
            sigmas=FAST.divergence_sigmas,
        )
        self._high = self._high + 1 if self._now.full and self._now.median > limit else 0
        if self._high >= FAST.divergence_patience:
            words = f"the loss is {self._now.median:.3g}, and was {began:.3g} at the start"
            anomalies.append(Anomaly("diverged", max(0, iteration - self._high - ROW), words))
        return anomalies

    def _wild(self, loss: float) -> bool:
        """Whether it is far from anything so far."""
        history, usual = self.history, self._usual
        if not history.count:
            return False
        scale = max(abs(history.three), abs(usual), history.noise)
        return scale > 0 and loss - usual > WILD * scale

    def _jumped(self, loss: float) -> str:
        """How far one loss is above the last ones, in words, if that is far."""
        if len(self.history.usual) < FAST.spike_after:
            return ""
        found = rise_above_usual(
            self.history,
            loss,
            share=FAST.spike_share,
            least=FAST.spike_least,
            floor=FAST.spike_floor,
        )
        if found is None or found.height <= FAST.spike_sigmas * found.spread:
            return ""
        return f"the loss rose from {found.usual:.3g} to {loss:.3g}"

    def _spare(self, loss: float) -> None:
        """One loss of a grace, which is over once they are as low as they were."""
        self._now.add(loss)
        self._grace -= 1
        best = self.history.best
        near = max(NEAR * self._learned, 0.1 * abs(best))
        back = self._now.median - best < near
        if back and self._grace <= GRACE - ROW and not self._anew:
            self._grace = 0
        if self._anew and not self._grace:
            self.history, self._anew = LossHistory(), False

    def _of_first(self, norm: float, loss: float | None) -> list[Anomaly]:
        """Whether the first steps of all made the gradient grow, and not the loss fall."""
        first, history = self._first, self.history
        if self._leap > LEAP:
            words = f"the first step moved the weights by {self._leap:.2g} of their norm"
            self._leap = 0.0
            return [Anomaly("overshot", 0, words)]
        usual, largest, spread = first.median, first.quantile(1.0), math.inf
        if usual > 0:
            spread = 3 * first.spread / usual if len(first) > 2 else 0.0
        first.add(norm)
        times = max(OVERSHOT[len(first) > ROW], 1 + spread)
        if len(first) < 2 or not norm > max(times * usual, RISE * largest):
            return []
        if loss is not None and history.three - loss > 0.1 * abs(history.three):
            return []
        return [Anomaly("overshot", 0, f"the first steps raised the gradient norm from "
                                       f"{usual:.3g} to {norm:.3g}")]  # fmt: skip

    def _of_steps(self, iteration: int, norm: float) -> list[Anomaly]:
        history = self.history
        if not self._norm_then.full:
            self._norm_then.add(norm)
        self._norm_now.add(norm)
        if not history.settled:
            return []
        if history.began - history.level > 0.05 * abs(history.began):
            return []  # large as they are, they lead somewhere
        since = max(0, iteration - 2 * history.LEVEL)
        then, now = self._norm_then.median, self._norm_now.median
        if now < DEAD * then:
            words = (
                f"the gradient norm fell from {then:.2g} to {now:.2g}, but the loss did not fall"
            )
            return [Anomaly("dead", since, words)]
        if self._ratios.full and self._ratios.median > LARGE:
            ratio = self._ratios.median
            words = f"a step moves half of the weight matrices by {ratio:.2g} of their norm"
            return [Anomaly("steps too large", since, words)]
        return []

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "course": self.history.state_dict(),
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
            **({"sudden": True} if self.sudden else {}),  # else it is as before there was such
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As it was."""
        self.history.load_state_dict(state["course"])
        self._ratios.load_state_dict(state["ratios"])
        self._now.load_state_dict(state["now"])
        self._first.load_state_dict(state["first"])
        self._leap = state["leap"]
        self._norm_then.load_state_dict(state["norm_then"])
        self._norm_now.load_state_dict(state["norm_now"])
        self.calm, self.row, self._high = state["calm"], state["row"], state["high"]
        self._lost, self._spike = state["lost"], state["spike"]
        self.sudden = state.get("sudden", False)
        self._length, self._grace = state["length"], state["grace"]
        self._anew = state["anew"]
