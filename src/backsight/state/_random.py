"""PyTorch's global random numbers, taken and given back."""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["Generators"]

_log = logging.getLogger("backsight")


class Generators:
    """PyTorch's default generators: the CPU's, and those of accelerators.

    A process that trains on one device names it: of several processes on one machine each has its
    own, and no business with the others'. A loop of the user's may draw on any device: without a
    name the generators of all of them are taken, of every CUDA device once CUDA is in use, and of
    MPS.

    Args:
        device: whose generator is kept beside the CPU's; None for all devices.

    Example:
        >>> import torch
        >>> from backsight.state import Generators
        >>> generators = Generators()
        >>> state, drawn = generators.state_dict(), torch.rand(3)
        >>> generators.load_state_dict(state)
        >>> torch.equal(torch.rand(3), drawn)
        True
    """

    def __init__(self, device: torch.device | None = None) -> None:
        self._device = device

    def state_dict(self) -> dict[str, Any]:
        """By kind of device, a tensor each; of ``cuda`` a list of them where all are kept."""
        state: dict[str, Any] = {"cpu": torch.get_rng_state()}
        if self._device is None:
            if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
                state["cuda"] = torch.cuda.get_rng_state_all()
            if torch.backends.mps.is_available():
                state["mps"] = torch.mps.get_rng_state()
        elif self._device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self._device)
        elif self._device.type == "mps":
            state["mps"] = torch.mps.get_rng_state()
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> None:
        """As they were; of kinds of device that are not here it is said that they are left out.

        What one device has kept goes to one (the current one, if all are asked), and of what all
        have kept, one takes its own.
        """
        torch.set_rng_state(state_dict["cpu"])
        there, here = state_dict.keys() - {"cpu"}, self._kinds()
        # Where all are kept, a kind that was not in use then is as random as it was.
        if there - here or (self._device is not None and here - there):
            _log.warning(
                "backsight: this training ran on %s before and runs on %s now, so it does not "
                "continue bit for bit",
                ", ".join(sorted(there)) or "cpu",
                ", ".join(sorted(here)) or "cpu",
            )
        if "cuda" in there & here:
            self._set_cuda(state_dict["cuda"])
        if "mps" in there & here:
            torch.mps.set_rng_state(state_dict["mps"])

    def _kinds(self) -> set[str]:
        """Of accelerators whose generators can be set here."""
        if self._device is not None:
            return {self._device.type} - {"cpu"}
        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        return {kind for kind, available in there.items() if available}

    def _set_cuda(self, kept: Any) -> None:
        if isinstance(kept, Tensor):  # one device's
            torch.cuda.set_rng_state(kept, self._device or "cuda")
        elif self._device is None:
            for number, one in enumerate(kept[: torch.cuda.device_count()]):
                torch.cuda.set_rng_state(one, number)
        else:
            index = self._device.index
            own = kept[torch.cuda.current_device() if index is None else index]
            torch.cuda.set_rng_state(own, self._device)
