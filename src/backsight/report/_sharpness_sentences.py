"""The sharpness along the steps of a run, in words."""

import numpy as np

from backsight.signals import Run, member

__all__ = ["sharpness_sentences"]


def sharpness_sentences(run: Run) -> list[str]:
    """How often it was above its limit, and by how much in the middle; one sentence a model.

    Example:
        >>> from backsight.report import sharpness_sentences
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("sharpness", range(3), [1.0, 3.0, 4.0])
        ...     recorder.series("sharpness_limit", range(3), [2.0, 2.0, 2.0])
        >>> for words in sharpness_sentences(Run("runs/mine"))[0].split(": "):
        ...     print(words)
        Sharpness along the step
        above its limit of 2 in 2 of 3 measurements; the median is 1.5 times the limit.
    """
    told = []
    for name in run.members("sharpness", profile=False):
        limits = name.replace("sharpness", "sharpness_limit", 1)
        if limits not in run.names or len(run[limits]) != len(run[name]):
            continue
        with np.errstate(all="ignore"):
            times = run[name].astype(np.float64) / run[limits]
        finite = times[np.isfinite(times)]
        words = (
            f"above its limit of {float(run[limits][-1]):.3g} in {int((finite > 1).sum()):,} of "
            f"{len(times):,} measurement{'s' * (len(times) != 1)}"
        )
        if len(finite):
            words += f"; the median is {float(np.median(finite)):.2g} times the limit"
        if len(finite) < len(times):
            words += f"; {len(times) - len(finite):,} not finite"
        model = f" of {member(name)}" if member(name) else ""
        told.append(f"Sharpness along the step{model}: {words}.")
    return told
