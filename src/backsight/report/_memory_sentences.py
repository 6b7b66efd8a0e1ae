"""What the states of a run hold, beside what its gradient teaches, in words."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backsight.report._numbers import number
from backsight.report._unmoved import unmoved_layers
from backsight.signals import (
    Run,
    SignalStream,
    block_words,
    measure_memory,
    measure_reach,
    member,
    memory_words,
    unmoved_words,
)

__all__ = ["memory_sentences"]

SEVERAL = 3
"""Blocks, from which on only the two that look back least and most are told of."""


class _Held(NamedTuple):
    """The newest sample of one layer or block."""

    layer: str
    lags: NDArray[np.floating]
    row: NDArray[np.floating]
    at: int


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
    ladders = run.members("memory_lag", profile=True)
    reaches = run.members("reach", profile=True)
    sentences, blocks = [], []
    unmoved = unmoved_layers(run)
    for name in run.members("memory", profile=True):
        layer = member(name)
        ladder, reach = (f"{one}/{layer}".rstrip("/") for one in ("memory_lag", "reach"))
        if layer in unmoved:
            continue
        if ladder not in ladders:
            continue
        lags, row = (run.stream(one).newest().values[-1] for one in (ladder, name))
        if lags.shape != row.shape:
            continue  # the lags of the newest are still to come
        held = _Held(layer, lags, row, run.stream(name).last)
        if f"block_reach/{layer}" in run.names:
            blocks.append(held)
            continue
        back = measure_reach(run.stream(reach).newest().values[-1]) if reach in reaches else None
        words = memory_words(lags, row, back) + _worth(run, held)
        sentences.append(f"{layer or 'the layer'}: {words} (iteration {held.at:,}).")
    sentences += [
        _unmoved(layer, alike, block=f"block_reach/{layer}" in run.names)
        for layer, alike in unmoved.items()
    ]
    return sentences + [
        f"{one.layer}: {block_words(one.lags, one.row)} (iteration {one.at:,})."
        for one in _ends(blocks)
    ]


def _unmoved(layer: str, alike: SignalStream, *, block: bool) -> str:
    """Why there is no memory to tell of."""
    what = "what the block returns" if block else "the state"
    words = unmoved_words(float(alike.newest().values[-1]), what)
    return f"{layer or 'the layer'}: {words} (iteration {alike.last:,})."


def _ends(blocks: list[_Held]) -> list[_Held]:
    """Of several blocks, those that depend on the fewest steps, and on the most."""
    if len(blocks) < SEVERAL:
        return blocks

    def steps(one: _Held) -> float:
        length = measure_memory(one.lags, one.row).length
        return -1.0 if length is None else length.steps + 0.5 * length.censored

    return [min(blocks, key=steps), max(blocks, key=steps)]


def _worth(run: Run, held: _Held) -> str:
    """What the loss would be with another past, as a clause of its own; or empty."""
    name = f"memory_loss/{held.layer}".rstrip("/")
    known = name in run.members("memory_loss", profile=True) and run.stream(name).last == held.at
    losses = run.stream(name).newest().values[-1] if known else np.empty(0)
    if losses.shape != held.lags.shape or len(losses) < 2 or not np.isfinite(losses).all():
        return ""
    middle = (len(losses) - 1) // 2
    some, all_ = (f"{lag:.0f} step{'' if lag == 1 else 's'}" for lag in held.lags[[middle, -1]])
    return (
        f"; with only the last {some} their own, the loss of these states is "
        f"{number(float(losses[middle]))}, and with {all_}, {number(float(losses[-1]))}"
    )
