"""What became of a training: learned, stuck, vanished, exploded, or not finite."""

import math
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXPLODED", "LEARNED", "VISIBLE", "MapOutcome", "judge", "majority", "middle"]

EXPLODED = 1.5
"""Times the start, or chance where that is more. Sohl-Dickstein (2024, "The boundary of neural
network trainability is fractal") calls divergent what ends above its first loss. A network that
learns nothing stays there, and the noise of a batch would decide."""

LEARNED = 0.9
"""Of the best loss that a memory shorter than the lag achieves: only below it is the oldest needed
input in use. The held-out sequences are a sample: of 2,000, a tenth is four standard errors of
adding's constant answer, which none of a thousand networks comes by without learning."""

VISIBLE = 0.01
"""Of what the strongest earlier step gets: what is below teaches next to nothing, as in the
gradient's horizon."""


class MapOutcome(IntEnum):
    """From the best to the worst.

    Example:
        >>> from backsight.studies import MapOutcome
        >>> [outcome.label for outcome in MapOutcome]
        ['learned', 'stuck', 'vanished', 'exploded', 'not finite']
        >>> MapOutcome.LEARNED < MapOutcome.EXPLODED
        True
    """

    LEARNED = 0
    """It uses the oldest input that the answer needs."""
    STUCK = 1
    """It does not, though its gradient reaches that far."""
    VANISHED = 2
    """It does not, and its gradient does not reach that far."""
    EXPLODED = 3
    """It ended well above where it began, or above chance."""
    NOT_FINITE = 4
    """A loss was NaN or infinite."""

    @property
    def label(self) -> str:
        """As in sentences."""
        return self.name.lower().replace("_", " ")


def judge(
    *,
    finite: bool,
    start: float,
    final: float,
    held_out: float,
    solved: bool,
    reach: float,
    chance: float,
    short_memory: float,
) -> MapOutcome:
    """The outcome of one training, by the first of these that holds.

    ==============  ============================================================================
    not finite      a loss, of training or on the held-out sequences, was NaN or infinite
    exploded        the final loss is above 1.5 times the first one, or 1.5 times chance where
                    that is more
    learned         the held-out loss is at most 0.9 of the best that a memory shorter than the
                    lag achieves, or the paper's criterion is met
    vanished        the gradient at the task's lag is below 1 % of that at the strongest earlier
                    step
    stuck           none of these
    ==============  ============================================================================

    A number that is missing (NaN) is never taken for a good one: a loss of NaN is not finite, and a
    reach of NaN has not been seen to vanish.

    Args:
        finite: whether every training loss that counts was.
        start: loss of the first iteration, before any step.
        final: mean loss of the last tenth of iterations.
        held_out: loss on held-out sequences, after training.
        solved: whether the task's criterion is met on them.
        reach: ``R(lag)/P``, the gradient of the last answer's loss on the state ``lag`` steps
            back, relative to the strongest earlier step; the median over the sampled iterations of
            the second half; 0 where no gradient arrives at all.
        chance: best loss of a guess without memory.
        short_memory: best loss of a memory shorter than the lag.

    Source: the names are those of Pascanu, Mikolov and Bengio 2013; the numbers are Backsight's.
    """
    if not (finite and math.isfinite(start) and math.isfinite(final) and math.isfinite(held_out)):
        return MapOutcome.NOT_FINITE
    if final > EXPLODED * max(start, chance):
        return MapOutcome.EXPLODED
    if solved or held_out <= LEARNED * short_memory:
        return MapOutcome.LEARNED
    if reach < VISIBLE:
        return MapOutcome.VANISHED
    return MapOutcome.STUCK


def majority(outcomes: NDArray[np.integer]) -> NDArray[np.int8]:
    """The most frequent outcome over seeds; of several, the worst.

    Args:
        outcomes: ``(seeds, …)``; -1 where a training is not done.

    Returns:
        ``(…)``; -1 where any seed is not done.
    """
    counts = np.stack([(outcomes == kind).sum(0) for kind in MapOutcome])
    # The last maximum is the worst outcome.
    worst = len(MapOutcome) - 1 - counts[::-1].argmax(0)
    found: NDArray[np.int8] = np.where((outcomes < 0).any(0), -1, worst).astype(np.int8)
    return found


def middle(values: NDArray[np.floating], axis: int) -> NDArray[np.float64]:
    """The median of the finite values; NaN where there is none."""
    masked = np.ma.masked_invalid(values.astype(np.float64))
    found: NDArray[np.float64] = np.ma.median(  # type: ignore[no-untyped-call]
        masked, axis
    ).filled(np.nan)
    return found
