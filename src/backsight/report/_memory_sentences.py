"""What the states of a run hold, beside what its gradient teaches, in words."""

from backsight.signals import Run, block_words, measure_reach, member, memory_words

__all__ = ["memory_sentences"]


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
        sentences.append(f"{layer or 'the layer'}: {words} (iteration {at:,}).")
    return sentences
