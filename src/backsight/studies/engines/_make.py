"""The engine that ``--engine`` names."""

import math
import os
import re

from backsight.errors import SettingError
from backsight.studies._trial import Engine

__all__ = ["make_engine"]


def make_engine(words: str, gpus: float = 0.0) -> Engine:
    """The engine that ``--engine`` names.

    Args:
        words: ``local`` or ``local:N``; ``ray`` or ``ray:ADDRESS``.
        gpus: that Ray gives each trial.

    Raises:
        SettingError: there is no such engine, or it cannot be reached.

    Example:
        >>> from backsight.studies import make_engine
        >>> make_engine("local:4").workers
        4
    """
    kind, given, rest = words.partition(":")
    if not (math.isfinite(gpus) and gpus >= 0):
        raise SettingError(f"--gpus-per-trial must be a number of at least 0, not {gpus}")
    if kind == "ray" and bool(given) == bool(rest):
        from backsight.studies.engines._ray import RayEngine

        return RayEngine(rest, gpus)
    if kind != "local" or (given and not re.fullmatch("[1-9][0-9]*", rest)):
        raise SettingError(
            "--engine expects local, local:N for N processes at once, ray or ray:ADDRESS, not "
            f"{words!r}"
        )
    if gpus:
        raise SettingError(
            "--gpus-per-trial is for --engine ray: here every trial sees the GPUs of "
            "CUDA_VISIBLE_DEVICES, or all"
        )
    from backsight.studies.engines._local import LocalEngine

    return LocalEngine(int(rest) if rest else max(1, os.cpu_count() or 1))
