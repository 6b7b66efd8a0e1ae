"""What the states of a run hold, beside what its gradient teaches, in words."""

import numpy as np
from numpy.typing import NDArray

from backsight.report._numbers import number
from backsight.signals import Run, block_words, measure_reach, member, memory_words

__all__ = ["memory_sentences"]


def _worth(run: Run, layer: str, lags: NDArray[np.floating], at: int) -> str:
    """What the loss would be with another past, as a clause of its own; or empty."""
    name = f"memory_loss/{layer}".rstrip("/")
    if name not in run.members("memory_loss", profile=True) or run.stream(name).last != at:
        return ""
    losses = run.stream(name).newest().values[-1]
    if losses.shape != lags.shape or len(lags) < 2 or not np.isfinite(losses).all():
        return ""
    middle = (len(lags) - 1) // 2
    steps = f"{lags[middle]:.0f} step{'s' * (lags[middle] != 1)}"
    return (
        f"; with all but the last {steps} of another sequence, the loss of these states is "
        f"{number(float(losses[middle]))}, against {number(float(losses[-1]))} with their own past"
    )


def memory_sentences(run: Run) -> list[str]:
    """How much of its past each layer's state held in its last sample, beside its reach.

    Example:
        >>> from backsight.report import memory_sentences
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.profile("memory/rnn.l0", 0, [0.6, 0.3, 0.05, 0.0])
        ...     recorder.profile("memory_lag/rnn.l0", 0, [1.0, 2.0, 4.0, 8.0])
        >>> memory_sentences(Run("runs/mine"))
        ['rnn.l0: the state holds the last 4 of 8 steps (iteration 0).']
    """
    sentences = []
    reaches = run.members("reach", profile=True)
    ladders = run.members("memory_lag", profile=True)
    for name in run.members("memory", profile=True):
        layer = member(name)
        ladder, reach = (f"{one}/{layer}".rstrip("/") for one in ("memory_lag", "reach"))
        if ladder not in ladders:
            continue
        lags, row = (run.stream(one).newest().values[-1] for one in (ladder, name))
        if lags.shape != row.shape:
            continue  # a run that was killed between the two
        if f"block_reach/{layer}" in run.names:
            words = block_words(lags, row)
            sentences.append(f"{layer}: {words} (iteration {run.stream(name).last:,}).")
            continue
        back = measure_reach(run.stream(reach).newest().values[-1]) if reach in reaches else None
        words, at = memory_words(lags, row, back), run.stream(name).last
        words += _worth(run, layer, lags, at)
        sentences.append(f"{layer or 'the layer'}: {words} (iteration {at:,}).")
    return sentences
