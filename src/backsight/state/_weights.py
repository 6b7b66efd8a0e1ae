"""A model's weights from a checkpoint, or what keeps them from fitting."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from backsight.errors import RunError

__all__ = ["load_model"]

TOLD = 4
"""Parameters that a message names; it counts the others."""


def load_model(model: nn.Module, saved: Mapping[str, Tensor], source: Path) -> None:
    """Give ``model`` the weights of a checkpoint.

    Args:
        model: whose parameters and buffers are overwritten in place.
        saved: its ``state_dict`` from the checkpoint.
        source: the checkpoint, for the message.

    Raises:
        RunError: they are of another model; the message says which parameters differ, and how.

    Example:
        >>> from pathlib import Path
        >>> import torch
        >>> from backsight.state import load_model
        >>> saved, model = torch.nn.Linear(2, 1).state_dict(), torch.nn.Linear(2, 1)
        >>> load_model(model, saved, Path("iteration-10.ckpt"))
        >>> torch.equal(model.weight, saved["weight"])
        True
    """
    here = model.state_dict()
    wrong = [f"{name} is only in the checkpoint" for name in saved if name not in here]
    for name, own in here.items():
        if name not in saved:
            wrong.append(f"{name} is only in the model")
        elif saved[name].shape != own.shape:
            there = tuple(saved[name].shape)
            wrong.append(
                f"{name} has shape {there} in the checkpoint and {tuple(own.shape)} in the model"
            )
        elif saved[name].dtype != own.dtype:
            wrong.append(
                f"{name} is {saved[name].dtype} in the checkpoint and {own.dtype} in the model"
            )
    if wrong:
        more = f"; and {len(wrong) - TOLD} more" if len(wrong) > TOLD else ""
        raise RunError(f"{source} belongs to another model: {'; '.join(wrong[:TOLD])}{more}")
    model.load_state_dict(saved)
