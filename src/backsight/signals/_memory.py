"""How much of a state depends on what lies further back, and what that means beside the reach.

A *memory* is ``M(k)`` at some lags ``k``, in ascending order: how far the state moves if everything
that lies at least ``k`` steps back is replaced by another sequence's, relative to how far it moves
if all is replaced. The reach looks back along the gradient: what the loss teaches. The memory looks
forward: what the state holds, whether or not anything was taught.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backsight.signals._reach import Lag, ReachMeasures, ReachOutcome

__all__ = [
    "MemoryMeasures",
    "MemoryReading",
    "block_words",
    "measure_memory",
    "memory_extent",
    "memory_reading",
    "memory_words",
    "unmoved_words",
]

FORGOTTEN = 0.1
"""Of what the state moves by if all of its past is another one: what is held below that is lost in
the rest of the state."""
SHORT = 0.3
"""Of the window."""
FLAT = 0.75
"""A memory that never falls below it is flat: no difference fades, however far back it lies."""
GROWN = 10.0
"""Times: the gradient at the oldest step over that at the newest one, by its growth rate, from
which on differences are amplified. An LSTM that holds what it is given may have 5."""
ABOVE = 1.1
"""A memory that is flat, and rises above it, amplifies differences. A latch keeps them: at 1."""
LEAST = 4
"""Steps of a window, below which long and short cannot be told apart."""

MemoryReading = Literal["forgets", "untaught", "unkept", "holds", "sensitive", ""]
"""What memory and reach say together; empty where they say nothing."""


@dataclass(frozen=True, slots=True)
class MemoryMeasures:
    """What a memory comes to.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import measure_memory
        >>> found = measure_memory(np.array([1, 2, 4, 8, 10]), np.array([0.6, 0.4, 0.2, 0.05, 0.0]))
        >>> found.window, found.length.steps, found.flat
        (10, 8, False)
    """

    outcome: ReachOutcome
    """``not enough data`` without a lag; ``not finite`` where any value is NaN or infinite."""
    window: int
    """The last lag: nothing that lies further back is another's."""
    length: Lag | None = None
    """The smallest measured lag with ``M(k) ≤ 0.1``. Where that is the last lag, the window ends
    first: then it is the largest lag with ``M(k) > 0.1``, and censored. None unless ``outcome``
    is ``ok``."""
    least: float = math.nan
    """The smallest ``M`` before the last lag; NaN where there is no such lag."""
    largest: float = math.nan
    """Likewise."""

    @property
    def flat(self) -> bool:
        """Whether no difference fades before the window ends."""
        return self.least >= FLAT


def measure_memory(
    lags: NDArray[np.number], memory: NDArray[np.floating], *, forgotten: float = FORGOTTEN
) -> MemoryMeasures:
    """The memory length, and whether the memory fades at all.

    Args:
        lags: shape ``(n,)``, ascending, from 1 on.
        memory: ``M(k)`` at these lags, shape ``(n,)``.
        forgotten: the ``M`` at and below which nothing is held any longer.

    Raises:
        ValueError: there are not as many lags as values.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import measure_memory
        >>> latch = measure_memory(np.array([1, 2, 4, 8]), np.array([1.0, 1.0, 1.0, 0.0]))
        >>> str(latch.length), latch.flat
        ('≥ 4', True)
        >>> measure_memory(np.array([1, 2]), np.array([0.5, np.nan])).outcome
        'not finite'
    """
    at, row = np.asarray(lags, np.float64), np.asarray(memory, np.float64)
    if at.shape != row.shape or at.ndim != 1:
        raise ValueError(f"a memory needs one value per lag, not {row.shape} and {at.shape}")
    if not len(row):
        return MemoryMeasures("not enough data", 0)
    if not (np.isfinite(row).all() and np.isfinite(at).all()):
        return MemoryMeasures("not finite", int(at[-1]) if np.isfinite(at[-1]) else 0)
    window = int(at[-1])
    inner = row[:-1]
    least, largest = (math.nan, math.nan) if not len(inner) else (inner.min(), inner.max())
    low = np.flatnonzero(row <= forgotten)
    first = int(low[0]) if len(low) else len(row)
    if first < len(row) - 1:
        length = Lag(int(at[first]), False)
    else:
        length = Lag(int(at[first - 1]) if first else 0, True)
    return MemoryMeasures("ok", window, length, float(least), float(largest))


def memory_reading(memory: MemoryMeasures, reach: ReachMeasures | None) -> MemoryReading:
    """What memory and reach of one layer say together.

    ===========  ====================================================================
    reading      where
    ===========  ====================================================================
    `forgets`    both end before 0.3 of the window, or the reach only down to a tenth
    `untaught`   the memory is long, and the reach short
    `unkept`     the reach is long, also down to the tenth that a memory is told by, and
                 the memory short
    `holds`      both are long
    `sensitive`  the memory is flat, the gradient does not decay on its way back, and
                 either of them grows: differences are amplified, not held
    ===========  ====================================================================

    Args:
        memory: of the layer.
        reach: of the same layer; None where it was not measured.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import measure_memory, measure_reach, memory_reading
        >>> lags, held = np.array([1, 2, 4, 8, 16, 32, 40]), np.array([0.9] * 6 + [0.0])
        >>> memory_reading(measure_memory(lags, 0.5 * held), measure_reach(0.1 ** np.arange(40)))
        'untaught'
    """
    if memory.outcome != "ok" or memory.window < LEAST:
        return ""
    if reach is None or reach.outcome != "ok" or reach.horizon is None or reach.earlier < LEAST - 1:
        return ""
    grown = reach.growth_rate * reach.earlier > math.log(GROWN)
    grows = memory.largest > ABOVE or grown
    if memory.flat and reach.growth_rate >= 0 and grows:
        return "sensitive"
    # The gradient may be followed through calls that its layer cannot be run again over.
    window = max(memory.window, reach.earlier + 1)
    taught = not _is_short(reach.horizon, window)
    if _is_short(memory.length, window):
        # A state that fades as its gradient does has a horizon of twice its memory length: a
        # hundredth is left after twice the steps that leave a tenth. That is no disagreement.
        return "unkept" if taught and not _is_short(reach.tenth, window) else "forgets"
    return "holds" if taught else "untaught"


def memory_extent(found: MemoryMeasures) -> str:
    """How far back what a state holds lies.

    Args:
        found: measures with the outcome ``ok``.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import measure_memory, memory_extent
        >>> memory_extent(measure_memory(np.array([1, 2, 4, 8]), np.array([0.6, 0.1, 0.0, 0.0])))
        'the last 2 of 8 steps'
        >>> memory_extent(measure_memory(np.array([1, 2, 4, 8]), np.array([0.9, 0.6, 0.4, 0.0])))
        'more than 4 of 8 steps'
    """
    if found.length is None:
        raise ValueError(f"these measures say nothing of a lag: they are {found.outcome}")
    steps = f"{found.length.steps} of {found.window} steps"
    return f"more than {steps}" if found.length.censored else f"the last {steps}"


def memory_words(
    lags: NDArray[np.number], memory: NDArray[np.floating], reach: ReachMeasures | None = None
) -> str:
    """What a memory means, beside the reach where that is known, without a full stop.

    Args:
        lags: shape ``(n,)``, ascending, from 1 on.
        memory: ``M(k)`` at these lags, shape ``(n,)``.
        reach: of the same layer.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import memory_words
        >>> memory_words(np.array([1, 2, 4, 8]), np.array([0.6, 0.1, 0.0, 0.0]))
        'the state holds the last 2 of 8 steps'
    """
    found = measure_memory(lags, memory)
    if found.outcome == "not finite":
        return "what the state holds is not finite"
    if found.outcome == "not enough data":
        return "what the state holds was not measured"
    held = f"the state holds {memory_extent(found)}"
    read = memory_reading(found, reach)
    if not read or reach is None:
        return held
    far = f"the gradient reaches {_reached(reach)} steps back"
    if read == "sensitive":
        grows = f"{math.exp(reach.growth_rate):.3g}"
        return (
            f"the state is sensitive, and does not hold its past: a difference that lies "
            f"{_before(lags)} steps back still moves it {float(memory[-2]):.2g} times as far as "
            f"another past does, and the gradient grows by a factor of {grows} per step"
        )
    if read == "forgets":
        return (
            f"{held} and forgets what lies further back, and {far}: it is not taught to hold more"
        )
    if read == "untaught":
        return f"{held}, but {far}: the state was never taught to use the rest of what it holds"
    if read == "unkept":
        return (
            f"{far}, but {held}, as where an input gate is shut, or where the loss reads something "
            "else than this state"
        )
    return (
        f"{held}, and {far}: it holds its past and is taught to; whether the model uses it is for "
        "the loss by context to tell"
    )


def _is_short(lag: Lag | None, window: int) -> bool:
    """Whether it ends long before the window does."""
    return lag is not None and not lag.censored and lag.steps < SHORT * window


def block_words(lags: NDArray[np.number], memory: NDArray[np.floating]) -> str:
    """What the memory of a block of a stack means, without a full stop: it has no state of its own.

    Args:
        lags: shape ``(n,)``, ascending, from 1 on.
        memory: ``M(k)`` at these lags, shape ``(n,)``.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import block_words
        >>> block_words(np.array([1, 2, 4, 8]), np.array([0.6, 0.1, 0.0, 0.0]))
        'what the block returns depends on the last 2 of 8 steps'
    """
    found = measure_memory(lags, memory)
    if found.outcome != "ok":
        return f"what the block returns is {found.outcome}"
    return f"what the block returns depends on {memory_extent(found)}"


def unmoved_words(alike: float, what: str = "the state") -> str:
    """Why there is no memory to tell of where another past changes nothing, without a full stop.

    Args:
        alike: last steps in which the compared sequences are alike; infinite where they do not
            differ at all.
        what: that another past moves by no more than rounding.

    Example:
        >>> from backsight.signals import unmoved_words
        >>> print(unmoved_words(0))
        nothing that came before moves the state by more than rounding: it holds nothing
        >>> unmoved_words(30).partition(",")[0]
        'the sequences are alike in their last 30 steps'
    """
    if math.isinf(alike):
        return (
            f"the sequences do not differ, so that there is no other past to tell what {what} "
            "depends on"
        )
    if alike < 1:
        return f"nothing that came before moves {what} by more than rounding: it holds nothing"
    steps = "step" if alike == 1 else f"{alike:,.0f} steps"
    return (
        f"the sequences are alike in their last {steps}, and what they differ in further back "
        f"moves {what} by no more than rounding: it holds nothing of that, and how much it holds "
        f"of {'that step' if alike == 1 else f'those {alike:,.0f}'} cannot be told"
    )


def _reached(reach: ReachMeasures) -> str:
    far = reach.horizon
    return "" if far is None else f"{'at least ' * far.censored}{far.steps}"


def _before(lags: NDArray[np.number]) -> int:
    return int(lags[-2])
