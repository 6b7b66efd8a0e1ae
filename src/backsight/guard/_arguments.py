"""What a guard can be made of."""

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from backsight.errors import SettingError

__all__ = ["check_arguments"]


def check_arguments(model: Any, optimizers: Sequence[Any], **whole: Any) -> None:
    """Raise a SettingError unless these are a model, optimizers and, by name, whole numbers."""
    if not isinstance(model, nn.Module) or not optimizers:
        raise SettingError(f"Guard expects a model and an optimizer, not {model!r:.80}")
    for one in optimizers:
        if not isinstance(one, Optimizer):
            raise SettingError(f"Guard expects a torch.optim optimizer, not {one!r:.80}")
    for name, value in whole.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise SettingError(
                f"{name} of Guard must be a whole number of at least 1, not {value!r}"
            )
