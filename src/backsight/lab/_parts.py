"""The parts of a training that have a state, collected into a checkpoint and given it back."""

import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import nn

from backsight.errors import RunError
from backsight.guard import Checkpoint, load_model
from backsight.nn import State

__all__ = ["Carried", "Generators", "Parts", "Stateful"]

_log = logging.getLogger("backsight")


class Stateful(Protocol):
    """Anything that training goes on from."""

    def state_dict(self) -> Mapping[str, Any]:
        """Numbers, strings, None, tensors, and lists, tuples and dicts of them."""

    def load_state_dict(self, state: dict[str, Any]) -> Any:
        """Go back to where :meth:`state_dict` was taken."""


class Parts:
    """Parts by name.

    Args:
        fabric: the processes that train together.
        shared: the same in every process; the first one's are kept.
        own: of each process its own, all of which are kept.
    """

    def __init__(
        self, fabric: Fabric, shared: Mapping[str, Stateful], own: Mapping[str, Stateful]
    ) -> None:
        self._fabric = fabric
        self._shared = dict(shared)
        self._own = dict(own)

    def state_dict(self) -> dict[str, Any]:
        """All states; every process must ask. Tensors are the parts' own, not copies."""
        own = {name: part.state_dict() for name, part in self._own.items()}
        processes: list[Any] = [own]
        if self._fabric.world_size > 1:
            processes = [None] * self._fabric.world_size
            torch.distributed.all_gather_object(processes, own)
        shared = {name: dict(part.state_dict()) for name, part in self._shared.items()}
        return {"shared": shared, "processes": processes}

    def load(self, checkpoint: Checkpoint, leave: Collection[str] = ()) -> None:
        """Give every part its state back.

        Args:
            checkpoint: what holds the states.
            leave: parts that stay as they are, whether it has a state for them or not.

        Raises:
            RunError: the checkpoint was made by another number of processes, or has other parts.
        """
        state, path = checkpoint.state, checkpoint.path
        here, there = self._fabric.world_size, len(state["processes"])
        if here != there:
            raise RunError(
                f"{path} was made by {there} process{'es' * (there != 1)}, and this is {here}: go "
                f"on with as many (torchrun --nproc-per-node {there} -m -- backsight train "
                "--resume …)"
            )
        for parts, states in (
            (self._shared, state["shared"]),
            (self._own, state["processes"][self._fabric.global_rank]),
        ):
            wanted = {name: part for name, part in parts.items() if name not in leave}
            _give(wanted, {n: own for n, own in states.items() if n not in leave}, path)


def _give(parts: Mapping[str, Stateful], states: Mapping[str, Any], path: Path) -> None:
    for what, odd in (
        ("lacks the state of", parts.keys() - states.keys()),
        ("holds the state of", states.keys() - parts.keys()),
    ):
        if odd:
            raise RunError(
                f"{path} {what} {', '.join(sorted(odd))}, unlike this training: was it made by "
                "another version of Backsight, or with other settings?"
            )
    for name, part in parts.items():
        if isinstance(part, nn.Module):
            load_model(part, states[name], path)
            continue
        try:
            part.load_state_dict(states[name])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise RunError(f"{path}: the state of {name} does not fit ({error})") from error


class Generators:
    """torch's global random numbers: of the CPU, and of the device that trains.

    Args:
        device: the latter.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def state_dict(self) -> dict[str, Any]:
        """By kind of device."""
        state = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self._device)
        elif self._device.type == "mps":
            state["mps"] = torch.mps.get_rng_state()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Of the device only where it was of this kind before."""
        torch.set_rng_state(state["cpu"])
        kind = self._device.type
        if state.keys() != self.state_dict().keys():
            _log.warning(
                "backsight: trained on %s before and on %s now: it goes on, but not bit for bit",
                ", ".join(state.keys() - {"cpu"}) or "cpu",
                kind,
            )
        elif kind == "cuda":
            torch.cuda.set_rng_state(state["cuda"], self._device)
        elif kind == "mps":
            torch.mps.set_rng_state(state["mps"])


class Carried:
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
