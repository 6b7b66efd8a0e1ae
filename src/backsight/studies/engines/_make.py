"""The engine that ``--engine`` names."""

import math
import os
import re

from backsight.errors import SettingError
from backsight.studies._trial import Engine

__all__ = ["make_engine"]


def make_engine(words: str, gpus: float = 0.0, timeout: float | None = None) -> Engine:
    """The engine that ``--engine`` names.

    Args:
        words: ``local`` or ``local:N``; ``ray`` or ``ray:ADDRESS``.
        gpus: that Ray gives each trial.
        timeout: seconds after which a trial that has not finished is stopped; only ``local``.

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
    if timeout is not None and not (math.isfinite(timeout) and timeout > 0):
        raise SettingError(
            f"--trial-timeout must be a finite number of seconds above 0, not {timeout:g}"
        )
    if kind == "ray" and bool(given) == bool(rest):
        if timeout is not None:
            raise SettingError(
                "--trial-timeout needs --engine local: a trial on Ray is not stopped, however long "
                "it takes"
            )
        from backsight.studies.engines._ray import RayEngine

        return RayEngine(rest, gpus)
    if kind != "local" or (given and not re.fullmatch("[1-9][0-9]*", rest)):
        raise SettingError(
            f"--engine expects local, local:N for N processes, ray or ray:ADDRESS, not {words!r}"
        )
    if gpus:
        raise SettingError(
            "--gpus-per-trial needs --engine ray: with --engine local, every trial sees all GPUs, "
            "or those in CUDA_VISIBLE_DEVICES"
        )
    from backsight.studies.engines._local import LocalEngine

    return LocalEngine(int(rest) if rest else max(1, os.cpu_count() or 1), timeout)
