"""The last good states of a training, in memory, to go back to.

A snapshot is plain (tensors, numbers, text), so that a checkpoint can hold it.
"""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from backsight.errors import RunError, SettingError
from backsight.probes import named_parameters, parameters_of
from backsight.state._optimizers import (
    host_copy,
    load_optimizer,
    load_options,
    optimizer_state,
    options_of,
)
from backsight.state._random import Generators
from backsight.state._stateful import Stateful

__all__ = ["Snapshots"]

Snapshot = dict[str, Any]

TOLD = 4
"""Differences that a message names."""


class Snapshots:
    """A few of them, the oldest given up first; the very first is the training's start.

    Args:
        model: its parameters and buffers are kept.
        optimizers: their state is, and parameters of theirs that the model does not hold.
        extra_state: by name, what else goes back.
        keep: how many at the most.
        max_bytes: that they may take; one is kept however large it is.
        rng: whether random numbers go back, too: where the position of the data does.

    Raises:
        SettingError: something of ``extra_state`` cannot go back.

    Example:
        >>> import torch
        >>> from backsight.state import Snapshots
        >>> model = torch.nn.Linear(2, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> snapshots = Snapshots(model, [optimizer], {}, keep=2, max_bytes=1 << 20, rng=False)
        >>> snapshots.take(0, guard={})
        >>> kept = model.weight.clone()
        >>> _ = torch.nn.init.zeros_(model.weight)
        >>> _ = snapshots.go_back(0)
        >>> torch.equal(model.weight, kept)
        True
    """

    def __init__(
        self,
        model: nn.Module,
        optimizers: Sequence[Optimizer],
        extra_state: Mapping[str, Stateful],
        keep: int,
        max_bytes: int,
        *,
        rng: bool,
    ) -> None:
        for name, part in extra_state.items():
            if not (hasattr(part, "state_dict") and hasattr(part, "load_state_dict")):
                raise SettingError(
                    f"extra_state of Guard expects objects with state_dict and load_state_dict, "
                    f"but {name!r} is {part!r:.80}"
                )
        self.taken: list[Snapshot] = []
        """Oldest first."""
        self._model = model
        self._optimizers = optimizers
        self._extra_state = extra_state
        self._keep, self._max_bytes, self._rng = keep, max_bytes, rng
        self._random = Generators()
        self._statistics = {name: host_copy(buffer) for name, buffer in self._buffers()}
        """Buffers as they were at the newest snapshot; until there is one, at the beginning."""

    @torch.no_grad()
    def take(self, iteration: int, guard: Mapping[str, Any]) -> None:
        """Keep everything as it is before the step of ``iteration``.

        Args:
            iteration: its number.
            guard: what the guard itself remembers.
        """
        sound = {id(buffer): self._sound(name, buffer) for name, buffer in self._buffers()}
        weights = [sound[id(t)] if id(t) in sound else host_copy(t) for t in self._tensors()]
        self._statistics = {name: sound[id(buffer)] for name, buffer in self._buffers()}
        snapshot: Snapshot = {
            "iteration": iteration,
            "weights": weights,
            "optimizers": [optimizer_state(o) for o in self._optimizers],
            "options": [options_of(o) for o in self._optimizers],
            "along": {n: copy.deepcopy(part.state_dict()) for n, part in self._extra_state.items()},
            "rng": self._random.state_dict() if self._rng else {},
            "guard": copy.deepcopy(dict(guard)),
        }
        self.taken.append(snapshot)
        fits = max(1, int(self._max_bytes // max(1, _bytes(snapshot))))
        del self.taken[: -min(self._keep, fits)]

    def before(self, iteration: int) -> int:
        """The place of the newest one taken at or before that iteration; else of the oldest."""
        places = [n for n, one in enumerate(self.taken) if one["iteration"] <= iteration]
        return places[-1] if places else 0

    @torch.no_grad()
    def go_back(self, place: int) -> Mapping[str, Any]:
        """Make everything as it was, and forget newer ones; returns what the guard remembered."""
        snapshot = self.taken[place]
        del self.taken[place + 1 :]
        for tensor, kept in zip(self._tensors(), snapshot["weights"], strict=True):
            tensor.copy_(kept)
        self._statistics = {name: host_copy(buffer) for name, buffer in self._buffers()}
        for optimizer, state in zip(self._optimizers, snapshot["optimizers"], strict=True):
            load_optimizer(optimizer, state)
        for name, part in self._extra_state.items():
            part.load_state_dict(copy.deepcopy(snapshot["along"][name]))
            for optimizer, options in zip(self._optimizers, snapshot["options"], strict=True):
                if getattr(part, "optimizer", None) is optimizer:  # a schedule, back at its rates
                    load_options(optimizer, options)
        if snapshot["rng"]:
            self._random.load_state_dict(snapshot["rng"])
        guard: Mapping[str, Any] = copy.deepcopy(snapshot["guard"])
        return guard

    @torch.no_grad()
    def mend_buffers(self) -> None:
        """Give back those that are not finite: a bad batch changes statistics in its forward."""
        for name, buffer in self._buffers():
            buffer.copy_(self._sound(name, buffer))

    def _buffers(self) -> list[tuple[str, Tensor]]:
        """Those that may hold statistics of what has run."""
        return [(n, b) for n, b in self._model.named_buffers() if b.is_floating_point()]

    def _sound(self, name: str, buffer: Tensor) -> Tensor:
        """A copy of it; where it is not finite, as it was before."""
        before = self._statistics.get(name)
        fits = before is not None and before.shape == buffer.shape
        lost = fits and not bool(torch.isfinite(buffer).all())
        return before if before is not None and lost else host_copy(buffer)

    @torch.no_grad()
    def lost(self) -> str:
        """What is not finite now and was so at the newest snapshot, in words; empty for nothing.

        A loss need not tell of it: a second moment that is infinite only keeps weights from moving.
        Of optimizers, only what they remembered by then counts.
        """
        if not self.taken:
            return ""
        names = {id(p): name for name, p in named_parameters(self._model)}
        for tensor, kept in zip(self._tensors(), self.taken[-1]["weights"], strict=True):
            if id(tensor) in names and _broke(tensor, kept):
                return f"{names[id(tensor)]} is not finite"
        for optimizer, states in zip(self._optimizers, self.taken[-1]["optimizers"], strict=True):
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            for parameter, kept in zip(parameters, states, strict=False):
                for what, value in optimizer.state.get(parameter, {}).items():
                    if _broke(value, kept.get(what)):
                        name = names.get(id(parameter), "a parameter")
                        return f"the optimizer's {what} of {name} is not finite"
        return ""

    @property
    def newest(self) -> int:
        """The iteration of the newest one; there must be one."""
        iteration: int = self.taken[-1]["iteration"]
        return iteration

    def check(self, snapshot: Mapping[str, Any], source: Path) -> None:
        """See that a snapshot is of this model.

        Args:
            snapshot: one that was saved.
            source: the file, for the message.

        Raises:
            RunError: it is of another model; the message names shapes that differ.
        """
        wrong = self._differences(snapshot)
        if wrong:
            raise RunError(f"{source} belongs to another model: {'; '.join(wrong[:TOLD])}")

    def _differences(self, snapshot: Mapping[str, Any]) -> list[str]:
        """In words, which shapes of a snapshot are not this model's; empty where all are."""
        names = {
            id(t): n for n, t in (*named_parameters(self._model), *self._model.named_buffers())
        }
        here, there = self._tensors(), snapshot["weights"]
        if len(here) != len(there):
            return [f"it holds {len(there)} tensors, but this model has {len(here)}"]
        return [
            f"{names.get(id(own), 'a parameter')} has shape {tuple(kept.shape)} in the "
            f"snapshot and {tuple(own.shape)} in this model"
            for own, kept in zip(here, there, strict=True)
            if own.shape != kept.shape
        ]

    def _tensors(self) -> list[Tensor]:
        """Parameters and buffers, each once; then what only the optimizers know."""
        found: dict[int, Tensor] = {id(p): p for p in parameters_of(self._model)}
        found.update((id(b), b) for b in self._model.buffers())
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                found.update((id(p), p) for p in group["params"])
        return list(found.values())

    def state_dict(self) -> list[Snapshot]:
        """All of them; not copied."""
        return self.taken

    def load_state_dict(self, state: Sequence[Snapshot]) -> None:
        """Hold those, and no others."""
        self.taken = list(state)
        if self.taken:
            kept = dict(zip(map(id, self._tensors()), self.taken[-1]["weights"], strict=True))
            self._statistics = {name: kept[id(buffer)] for name, buffer in self._buffers()}


def _broke(now: Any, kept: Any) -> bool:
    """Whether a tensor has become not finite."""
    if not (isinstance(now, Tensor) and isinstance(kept, Tensor) and now.is_floating_point()):
        return False
    return not bool(torch.isfinite(now).all()) and bool(torch.isfinite(kept).all())


def _bytes(content: Any) -> int:
    if isinstance(content, Tensor):
        return content.numel() * content.element_size()
    if isinstance(content, Mapping):
        return sum(map(_bytes, content.values()))
    return sum(map(_bytes, content)) if isinstance(content, (list, tuple)) else 0
