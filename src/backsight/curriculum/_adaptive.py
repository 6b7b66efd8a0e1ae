"""A length that grows as the model can use it; the rule is Backsight's."""

import math
from collections.abc import Mapping
from typing import Any

from backsight.curriculum._length import Length, check_count, check_factor, is_finite, longer
from backsight.diagnosis import Recent, StabilityTracker
from backsight.errors import SettingError

__all__ = ["AdaptiveLength"]


class AdaptiveLength(Length):
    """Grows once the loss has settled and the gradient reaches the window's end.

    *Settled*: the median of the last 20 losses is a twentieth of where the loss began (above 0), or
    has come down by a third of it and is no longer falling beyond its noise. *Reaches*: the horizon
    measured at this length is at least ``reach`` of it; where nothing is measured, that is not
    asked. At a spike or a collapse it shrinks to the last length that was settled, and holds.

    Args:
        end: as of :class:`Length`.
        start: as of :class:`Length`; ``end`` where that is shorter.
        growth: the factor of a step up, above 1.
        reach: the share of the window that the horizon must have.
        enough: a loss that must be reached before it grows, where you know one: what a shorter
            memory achieves, say.
        over: iterations of the whole training, the last quarter of which is at ``end``, whether
            the model has followed or not. None to wait for it for ever.

    Example:
        >>> from backsight import AdaptiveLength
        >>> length = AdaptiveLength(100, start=20)
        >>> for iteration in range(200):  # the loss falls, and the horizon is the window
        ...     length.step(loss=2.0 * 0.95**iteration, horizon=length.length)
        >>> length.length
        29
    """

    WINDOW = 20
    """Losses of a median."""
    HOLD = 100
    """Iterations without growth after an anomaly."""

    def __init__(
        self,
        end: int,
        start: int = 20,
        *,
        growth: float = 1.1,
        reach: float = 0.8,
        enough: float | None = None,
        over: int | None = None,
    ) -> None:
        whole = isinstance(start, int) and isinstance(end, int)
        super().__init__(end, min(start, end) if whole else start)
        check_factor("growth", growth)
        if not (is_finite(reach) and 0 <= reach <= 1):
            raise SettingError(f"reach of a curriculum must lie between 0 and 1, not {reach!r}")
        if enough is not None and not is_finite(enough):
            raise SettingError(f"enough of a curriculum must be a finite loss, not {enough!r}")
        if over is not None:
            check_count("over", over)
        self.growth, self.reach, self.enough, self.over = growth, reach, enough, over
        self._clock = 0
        """Iterations made, those undone by a rollback as well."""
        self._stability = StabilityTracker()
        self._losses = Recent(2 * self.WINDOW)
        self._first = Recent(5)
        self._horizon = math.nan
        self._settled_at = self.start
        self._held = 0

    def step(self, loss: float, horizon: float | None = None) -> None:
        """Grow, hold or shrink."""
        self.iteration += 1
        self._clock += 1
        if not self._first.full:
            self._first.add(loss)
        self._losses.add(loss)
        if horizon is not None:
            self._horizon = horizon
        anomalies = self._stability.update(self.iteration, loss, 0.0, self.length)
        if self._late:
            self._to(self.end)
        elif any(anomaly.kind != "diverged" for anomaly in anomalies):
            self._shrink()
        elif self._held:
            self._held -= 1
        elif self.length < self.end and self._settled and self._reached:
            self._settled_at = self.length
            self._to(longer(self.length, self.growth, self.end))

    def hold(self) -> None:
        """Grow no further for a while."""
        self._held = self.HOLD

    @property
    def _late(self) -> bool:
        """Whether the time that is left is the end's."""
        return self.over is not None and self._clock >= 0.75 * self.over

    @property
    def _settled(self) -> bool:
        if not self._losses.full:
            return False
        began = self._first.median
        middle, spread = self._losses.newest(self.WINDOW)
        if self.enough is not None and middle > self.enough:
            return False
        if began > 0 and middle <= 0.05 * began:
            return True
        if began - middle < abs(began) / 3:
            return False
        before = sorted(self._losses.oldest_first[: self.WINDOW])[self.WINDOW // 2]
        noise = 3 * 1.25 * spread / math.sqrt(self.WINDOW)
        return before - middle <= max(noise, 0.01 * abs(began))

    @property
    def _reached(self) -> bool:
        return math.isnan(self._horizon) or self._horizon >= self.reach * (self.length - 1)

    def _shrink(self) -> None:
        self.hold()
        self._to(min(self.length, max(self.start, self._settled_at)))
        # The next anomaly is to find a shorter one.
        self._settled_at = max(self.start, int(self._settled_at / self.growth))

    def _to(self, length: int) -> None:
        if length != self.length:
            self.length = length
            self._losses = Recent(2 * self.WINDOW)
            self._horizon = math.nan

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        return super().state_dict() | {
            "vitals": self._stability.state_dict(),
            "losses": self._losses.state_dict(),
            "first": self._first.state_dict(),
            "horizon": self._horizon,
            "settled_at": self._settled_at,
            "held": self._held,
            "clock": self._clock,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        super().load_state_dict(state)
        self._stability.load_state_dict(state["vitals"])
        self._losses.load_state_dict(state["losses"])
        self._first.load_state_dict(state["first"])
        self._horizon, self._held = state["horizon"], state["held"]
        self._settled_at = state["settled_at"]
        self._clock = max(self._clock, state["clock"])
