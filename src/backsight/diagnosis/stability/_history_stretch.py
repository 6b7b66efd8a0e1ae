"""How a loss has gone, sample by sample of a stretch: :class:`LossHistory` for many at once."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis._windows import Floats, medians
from backsight.diagnosis.stability._history import LossHistory

__all__ = ["HistoryStretch"]

LARGEST = 1e150
"""Beyond it a difference of two losses, or its square, may overflow: those are judged singly."""

_STATE = (
    "count", "broken", "start", "noise", "level", "best", "best_at", "best_count", "first",
    "three", "deep",
)  # fmt: skip
"""What a history knows beside the values themselves."""


class HistoryStretch:
    """Carries a history over a stretch, and tells how it stood after each sample of it.

    Args:
        history: carried to the end of the stretch.
        iterations: shape ``(m,)``, those of the samples.
        values: shape ``(m,)``, the losses.

    Example:
        >>> import numpy as np
        >>> from backsight.diagnosis.stability import HistoryStretch, LossHistory
        >>> history = LossHistory()
        >>> stretch = HistoryStretch(history, np.arange(200), 2.0 * 0.98 ** np.arange(200))
        >>> stretch.at(99).count, history.count
        (100, 200)
    """

    def __init__(self, history: LossHistory, iterations: NDArray[np.int64], values: Floats) -> None:
        self.iterations, self.values = iterations, values
        self.finite = np.isfinite(values)
        """Shape ``(m,)``."""
        self.at_finite = np.flatnonzero(self.finite)
        """Shape ``(k,)``, the samples that are."""
        before = np.array(history.newest(history.DEEP))
        self.past = np.concatenate([before, values[self.finite]])
        """The finite losses, with up to 100 before the stretch."""
        self.known = len(before)
        """How many of these those are."""
        self._value = history.value
        new = np.concatenate([[math.isfinite(history.value)], self.finite])
        self._ends = self.known + np.concatenate([[0], np.cumsum(self.finite)]) - new
        """Of the losses that are usual at each sample and before: without itself."""
        self._cache: dict[int, LossHistory] = {}
        full = history.count >= history.DEEP or not self.at_finite.size
        small = bool((np.abs(self.past) < LARGEST).all())
        self.whole = full and small
        """Whether the arrays below are there: every window is full, and nothing overflows."""
        self._table: dict[str, Any] = {}
        if self.whole:
            self._carry(history)
        else:
            self._step(history)

    # Of each finite sample, shape (k,), where they are whole.

    @property
    def level(self) -> Floats:
        """The median of 20."""
        return self._of("level")

    @property
    def best(self) -> Floats:
        """The lowest level."""
        return self._of("best")

    @property
    def best_count(self) -> NDArray[np.int64]:
        """How many values there were by then."""
        return self._of("best_count")  # type: ignore[return-value]

    @property
    def count(self) -> NDArray[np.int64]:
        """Finite values so far."""
        return self._of("count")  # type: ignore[return-value]

    @property
    def deep(self) -> Floats:
        """The lowest median of 100."""
        return self._of("deep")

    def before(self, size: int) -> Floats:
        """The medians of the ``size`` finite values before each finite sample, ``(k,)``."""
        return medians(self.past[self.known - size : -1], size)

    def at(self, sample: int) -> LossHistory:
        """How it stood after that sample; before the stretch at -1."""
        if sample not in self._cache:
            one = LossHistory()
            one.value = float(self._value if sample < 0 else self.values[sample])
            for name in _STATE:
                setattr(one, name, self._table[name][sample + 1].item())
            end = int(self._ends[sample + 1])
            one.usual.load_state_dict(self.past[max(0, end - one.USUAL) : end].tolist())
            self._cache[sample] = one
        return self._cache[sample]

    def _of(self, name: str) -> Floats:
        found: Floats = self._table[name][self.at_finite + 1]
        return found

    def _step(self, history: LossHistory) -> None:
        """One sample after the other."""
        rows = [[getattr(history, name) for name in _STATE]]
        for iteration, value in zip(self.iterations.tolist(), self.values.tolist(), strict=True):
            history.add(iteration, value)
            rows.append([getattr(history, name) for name in _STATE])
        columns = zip(*rows, strict=True)
        self._table = {n: np.array(column) for n, column in zip(_STATE, columns, strict=True)}

    def _carry(self, history: LossHistory) -> None:
        """All samples at once, then the history as the last one leaves it."""
        k, size = self.at_finite.size, len(self.values)
        passed = np.concatenate([[0], np.cumsum(self.finite)])  # finite samples up to each
        level = deep = np.empty(0)
        if k:
            level = medians(self.past[self.known - history.LEVEL + 1 :], history.LEVEL)
            deep = medians(self.past[self.known - history.DEEP + 1 :], history.DEEP)
        deep = np.minimum.accumulate(np.concatenate([[history.deep], deep]))
        best = np.minimum.accumulate(np.concatenate([[history.best], level]))
        better = np.where(best[1:] < best[:-1], np.arange(k), -1)
        newest = np.maximum.accumulate(np.concatenate([[-1], better]))  # -1: as before
        at = np.concatenate([self.iterations[self.at_finite], [history.best_at]])
        counts = np.concatenate([history.count + 1 + np.arange(k), [history.best_count]])
        fixed = ("start", "noise", "first", "three")
        self._table = {name: np.full(size + 1, getattr(history, name)) for name in fixed} | {
            "count": history.count + passed,
            "broken": history.broken + np.arange(size + 1) - passed,
            "level": np.concatenate([[history.level], level])[passed],
            "best": best[passed],
            "best_at": at[newest][passed],
            "best_count": counts[newest][passed],
            "deep": deep[passed],
        }
        last = self.at(size - 1)
        for name in _STATE:
            setattr(history, name, getattr(last, name))
        history.value = last.value
        history.usual.load_state_dict(last.usual.state_dict())
        history.remember(self.past[-history.DEEP :].tolist())
