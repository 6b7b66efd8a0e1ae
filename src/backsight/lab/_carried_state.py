"""The hidden state that a window hands to the next one."""

from typing import Any

import torch

from backsight.nn import State

__all__ = ["CarriedState"]


class CarriedState:
    """The hidden state that the next window goes on from.

    Args:
        device: where it is needed.
    """

    def __init__(self, device: torch.device) -> None:
        self.value: State | None = None
        self._device = device

    def state_dict(self) -> dict[str, Any]:
        """A pair for an LSTM; None before the first window."""
        value = self.value
        # On the CPU, where every process and any later machine can take it.
        if isinstance(value, tuple):
            return {"value": (value[0].cpu(), value[1].cpu())}
        return {"value": None if value is None else value.cpu()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Back on its device."""
        value = state["value"]
        if isinstance(value, tuple):
            self.value = (value[0].to(self._device), value[1].to(self._device))
        else:
            self.value = None if value is None else value.to(self._device)
