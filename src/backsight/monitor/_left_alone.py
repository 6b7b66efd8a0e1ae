"""What a script observes by itself, which whatever observes its whole process leaves alone.

A training has one record. A script that calls ``watch``, or gives its trainer a callback, has said
where that is and may read it there: ``backsight run`` steps aside, and not the script's own.
"""

import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import nn
from torch.optim import Optimizer
from torch.utils.weak import WeakIdKeyDictionary

from backsight.probes import parameters_of

__all__ = ["LeftAlone", "ProcessObserver", "observers"]


class ProcessObserver(Protocol):
    """What is told of a training that the script observes by itself."""

    group: str
    """What the runs of all processes of one call have in common; empty for nothing."""

    def leave(self, model: nn.Module, optimizers: Sequence[Optimizer], path: Path | None) -> None:
        """The script observes it, in this run folder; None where another process records it."""


observers: "weakref.WeakSet[ProcessObserver]" = weakref.WeakSet()
"""Those that are open."""


class LeftAlone:
    """Models and optimizers that the script observes; none of them is kept alive."""

    def __init__(self) -> None:
        self.paths: list[Path] = []
        """Where they are recorded."""
        self._models: Any = WeakIdKeyDictionary()
        self._optimizers: Any = WeakIdKeyDictionary()

    def add(self, model: nn.Module, optimizers: Sequence[Optimizer], path: Path | None) -> None:
        """One training more; without a path, another process records it."""
        if path is not None and path not in self.paths:
            self.paths.append(path)
        self._models[model] = True
        for optimizer in optimizers:
            self._optimizers[optimizer] = True

    def has(self, parameters: set[int]) -> bool:
        """Whether any of these parameters, told by ``id``, belongs to one of them."""
        return any(id(parameter) in parameters for parameter in self._parameters())

    def _parameters(self) -> Iterable[object]:
        for model in list(self._models.keys()):
            yield from parameters_of(model)
        for optimizer in list(self._optimizers.keys()):
            for group in optimizer.param_groups:
                yield from group["params"]
