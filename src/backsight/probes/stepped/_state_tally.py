"""What the profile of one state of a loop is averaged from, a chain of calls at a time."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from backsight.probes._lag_tally import LagTally
from backsight.probes._profile import Tally

__all__ = ["StateTally"]


class StateTally:
    """Means by step and by lag, and where the graph ends.

    Example:
        >>> import numpy as np
        >>> from backsight.probes.stepped import StateTally
        >>> tally = StateTally()
        >>> tally.add_states([0, 1], [np.array([2.0, 4.0]), np.array([1.0, 1.0])])
        >>> tally.hidden.mean().tolist()
        [3.0, 1.0]
    """

    def __init__(self) -> None:
        self.time, self.lags, self.hidden = Tally(), LagTally(), Tally()
        self.end = -1
        """The last lag that the graph leads to."""

    def add_gradients(
        self,
        totals: Mapping[int, NDArray[np.float64]],
        back: Mapping[int, NDArray[np.float64]],
        counts: NDArray[np.int64],
        at: NDArray[np.int64],
        ends: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
        idle: NDArray[np.bool_] | None,
    ) -> None:
        """Add the norms of one chain.

        Args:
            totals: ``(B,)`` by step, of the whole loss's gradient, where any arrived.
            back: the same, of the gradient from the positions alone.
            counts: ``(T,)``: how many sequences each step has.
            at: ``(B,)``: the position of each sequence; -1 of one that has none.
            ends: ``(B,)``: the first step of each sequence, where it began anew last, and the
                last step that it takes part in.
            idle: ``(T, B)``: which sequences sit a step out; None where none does.
        """
        first, begun, last = ends
        steps, rows = np.arange(len(counts))[:, None], np.arange(len(at))
        inside = (rows < counts[:, None]) & (steps >= first)
        inside = inside if idle is None else inside & ~idle
        taken = np.where(inside & (steps <= last), steps, -1)
        self.time.add(taken, _table(totals, counts, len(at)))
        self.time.widen(len(counts))
        lag = np.where(inside & (steps >= begun), at - steps, -1)
        alone = _table(back, counts, len(at))
        passed = [t for t in back if counts[t]]  # a gradient, be it zero: the graph leads here
        if passed:
            self.end = max(self.end, int(lag[passed].max(initial=-1)))
        size = at - begun + 1
        # By position, each lag is that of one step: the sums are those of step after step.
        for place in np.unique(at[at >= 0]):
            those = at == place
            self.lags.add_sized(lag[:, those], alone[:, those], size[those])

    def add_states(self, steps: Sequence[int], norms: Sequence[NDArray[np.float64]]) -> None:
        """Add the norms ``(B,)`` of the states themselves, of those ``steps`` whose are known."""
        at = np.repeat(np.array(steps), [len(those) for those in norms])
        self.hidden.add(at, np.concatenate(norms))


def _table(
    norms: Mapping[int, NDArray[np.float64]], counts: NDArray[np.int64], batch: int
) -> NDArray[np.float64]:
    """``(T, B)`` from ``(B,)`` by step; 0 where there are none."""
    table = np.zeros((len(counts), batch))
    for t, those in norms.items():
        table[t, : len(those)] = those
    return table
