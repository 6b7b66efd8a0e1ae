"""Runs a loss of the caller's, and leaves its model and PyTorch's random numbers as they were."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from backsight.errors import SettingError
from backsight.probes._modules import named_modules

__all__ = ["left_alone", "scalar_loss"]


@contextmanager
def left_alone(model: nn.Module) -> Iterator[None]:
    """Inside, a forward pass may update buffers, draw numbers and change modes; afterwards these
    are as they were. Parameters nobody but the caller writes into."""
    held = [vars(part) for _, part in named_modules(model)]
    modes = [(own, own["training"]) for own in held if "training" in own]
    buffers = [
        (own["_buffers"], name, buffer, buffer.detach().clone())
        for own in held
        for name, buffer in (own.get("_buffers") or {}).items()
        if buffer is not None
    ]
    with torch.random.fork_rng():
        try:
            yield
        finally:
            for own, training in modes:
                own["training"] = training
            for owner, name, buffer, value in buffers:
                with torch.no_grad():
                    buffer.copy_(value)
                if owner.get(name) is not buffer:
                    owner[name] = buffer  # the forward pass has put another one there


def scalar_loss(loss: Any) -> Tensor:
    """What ``compute_loss`` has returned, without dimensions.

    Raises:
        SettingError: it is no scalar tensor.
    """
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
        raise SettingError(f"compute_loss must return the scalar loss as a tensor, not {what}")
    return loss.sum()
