"""Whether what a user asks for makes sense, before anything is made of it."""

from torch import nn

from backsight.errors import SettingError
from backsight.monitor.events import Every, Sampler
from backsight.probes import check_input

__all__ = ["check_settings"]


def check_settings(
    model: nn.Module | None, every: Every, budget: float, sequences: int | None, inputs: str | None
) -> None:
    """Raise a SettingError for the first setting that makes no sense."""
    Sampler(every, budget)
    if sequences is not None and not (isinstance(sequences, int) and sequences >= 1):
        raise SettingError(f"sequences must be at least 1, not {sequences!r}")
    if model is not None:
        check_input(model, inputs)
