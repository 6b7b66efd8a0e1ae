"""Checks of a monitor's settings, before a run folder is made."""

from collections.abc import Sequence

from torch import nn

from backsight.errors import SettingError
from backsight.monitor.events import Every, Sampler
from backsight.probes import check_inputs, check_layout, listed_inputs

__all__ = ["check_settings"]


def check_settings(
    model: nn.Module | None,
    every: Every,
    budget: float,
    sequences: int | None,
    inputs: str | Sequence[str] | None,
    layout: str,
    deep: int | None = None,
) -> list[str] | None:
    """The paths of the inputs; raises a SettingError for the first invalid setting."""
    Sampler(every, budget)
    if sequences is not None and not (isinstance(sequences, int) and sequences >= 1):
        raise SettingError(f"sequences must be a whole number of at least 1, not {sequences!r}")
    if deep is not None and (isinstance(deep, bool) or not isinstance(deep, int) or deep < 1):
        raise SettingError(
            f"deep must be a whole number of iterations of at least 1, such as 1000, or None for "
            f"no deep measures, not {deep!r}"
        )
    check_layout(layout)
    named = listed_inputs(inputs)
    if model is not None:
        check_inputs(model, named)
    return named
