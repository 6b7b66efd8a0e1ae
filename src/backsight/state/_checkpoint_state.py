"""The states of everything that a training goes on from, collected into a checkpoint."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from backsight.distributed import has_group, rank, world_size
from backsight.errors import RunError
from backsight.state._checkpoints import Checkpoint
from backsight.state._stateful import Stateful, fitting
from backsight.state._weights import load_model

__all__ = ["CheckpointState"]


class CheckpointState:
    """Parts of a training by name, in all processes that train together.

    Args:
        shared: the same in every process; the first one's are kept.
        own: of each process its own, all of which are kept.

    Example:
        >>> import torch
        >>> from backsight.state import Checkpoints, CheckpointState, Generators
        >>> model, checkpoints = torch.nn.Linear(2, 1), Checkpoints("checkpoints")
        >>> parts = CheckpointState(shared={"model": model}, own={"random": Generators()})
        >>> path = checkpoints.save(10, parts.state_dict())
        >>> kept, drawn = model.weight.clone(), torch.rand(1)
        >>> _ = torch.nn.init.zeros_(model.weight)
        >>> parts.load(checkpoints.load())
        >>> torch.equal(model.weight, kept), torch.equal(torch.rand(1), drawn)
        (True, True)
    """

    def __init__(self, shared: Mapping[str, Stateful], own: Mapping[str, Stateful]) -> None:
        self._shared = dict(shared)
        self._own = dict(own)

    def state_dict(self) -> dict[str, Any]:
        """All states; every process must ask. Tensors are the parts' own, not copies."""
        own = {name: part.state_dict() for name, part in self._own.items()}
        processes: list[Any] = [own]
        if has_group() and world_size() > 1:
            processes = [None] * world_size()
            torch.distributed.all_gather_object(processes, own)
        shared = {name: dict(part.state_dict()) for name, part in self._shared.items()}
        return {"shared": shared, "processes": processes}

    def load(self, checkpoint: Checkpoint, leave: Collection[str] = ()) -> None:
        """Give every part its state back.

        Args:
            checkpoint: what holds the states.
            leave: parts that stay as they are, whether it has a state for them or not.

        Raises:
            RunError: the checkpoint was made by another number of processes, has other parts, or
                holds a state that does not fit its part.
        """
        state, path = checkpoint.state, checkpoint.path
        if not {"shared", "processes"} <= state.keys():
            raise RunError(
                f"{path} is not a checkpoint of a whole training: it contains only "
                f"{', '.join(state) or 'nothing'}"
            )
        here, there = world_size() if has_group() else 1, len(state["processes"])
        if here != there:
            raise RunError(
                f"{path} was written by {there} process{'es' * (there != 1)}, but this training "
                f"has {here}: resume with torchrun --nproc-per-node {there} -m -- backsight train "
                "--resume …"
            )
        for parts, states in (
            (self._shared, state["shared"]),
            (self._own, state["processes"][rank() if has_group() else 0]),
        ):
            wanted = {name: part for name, part in parts.items() if name not in leave}
            _give(wanted, {n: own for n, own in states.items() if n not in leave}, path)


def _give(parts: Mapping[str, Stateful], states: Mapping[str, Any], path: Path) -> None:
    for what, odd in (
        ("contains no state of", parts.keys() - states.keys()),
        ("contains a state of", states.keys() - parts.keys()),
    ):
        if odd:
            raise RunError(
                f"{path} {what} {', '.join(sorted(odd))}, unlike this training: use the settings "
                "and the version of Backsight that wrote it"
            )
    for name, part in parts.items():
        if isinstance(part, nn.Module):
            load_model(part, states[name], path)
            continue
        with fitting(path, name):
            part.load_state_dict(states[name])
