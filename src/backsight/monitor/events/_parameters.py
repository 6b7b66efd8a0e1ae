"""Whose parameters are observed: those that some optimizers move, by name."""

import weakref
from collections.abc import Iterator

from torch import nn
from torch.optim import Optimizer

__all__ = ["ObservedParameters"]


class ObservedParameters:
    """The parameters of some optimizers, by name; neither is kept alive.

    A group may be added later. A parameter that no observed module holds
    is called after its place: ``group0.3``.

    Example:
        >>> import torch
        >>> from backsight.monitor.events import ObservedParameters
        >>> model, parameters = torch.nn.Linear(3, 1, bias=False), ObservedParameters()
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> parameters.add(optimizer)
        >>> list(parameters.of())
        ['group0.0']
        >>> parameters.name("head", model)
        >>> list(parameters.of()), parameters.number(optimizer)
        (['head.weight'], 0)
    """

    def __init__(self) -> None:
        self._optimizers: list[tuple[weakref.ref[Optimizer], int]] = []
        self._names: dict[int, str] = {}
        self._known: tuple[tuple[int, int], ...] = ()
        self._found: dict[int, dict[str, nn.Parameter]] = {}

    def name(self, prefix: str, model: nn.Module) -> None:
        """Learn the names of a model's parameters."""
        for path, parameter in model.named_parameters():
            self._names.setdefault(id(parameter), ".".join(filter(None, (prefix, path))))
        self._found = {}

    def add(self, optimizer: Optimizer) -> None:
        """The parameters of one more optimizer; it is not kept alive."""
        shared = [number for other, number in self._live() if self._share(other, optimizer)]
        numbers = [number for _, number in self._optimizers]
        number = shared[0] if shared else max(numbers, default=-1) + 1
        self._optimizers.append((weakref.ref(optimizer), number))

    def number(self, optimizer: Optimizer) -> int:
        """Tells optimizers of different parameters apart; -1 for a stranger."""
        return next((number for other, number in self._live() if other is optimizer), -1)

    def optimizers(self) -> list[Optimizer]:
        """Those that are still there."""
        return [optimizer for optimizer, _ in self._live()]

    def _live(self) -> Iterator[tuple[Optimizer, int]]:
        for reference, number in self._optimizers:
            optimizer = reference()
            if optimizer is not None:
                yield optimizer, number

    @staticmethod
    def _share(one: Optimizer, other: Optimizer) -> bool:
        mine = {id(p) for group in one.param_groups for p in group["params"]}
        return any(id(p) in mine for group in other.param_groups for p in group["params"])

    def of(self, only: Optimizer | None = None) -> dict[str, nn.Parameter]:
        """Every parameter that one, or any, of the optimizers moves."""
        lists = tuple(
            (id(group["params"]), len(group["params"]))
            for optimizer, _ in self._live()
            for group in optimizer.param_groups
        )
        if lists != self._known:
            self._known, self._found = lists, {}
        key = 0 if only is None else id(only)
        if key not in self._found:
            self._found[key] = self._look(only)
        return self._found[key]

    def _look(self, only: Optimizer | None) -> dict[str, nn.Parameter]:
        found = {}
        for optimizer, number in self._live():
            if only is not None and optimizer is not only:
                continue
            stem = f"optimizer{number + 1}." if number else ""
            for which, group in enumerate(optimizer.param_groups):
                for place, parameter in enumerate(group["params"]):
                    unnamed = f"{stem}group{which}.{place}"
                    found[self._names.get(id(parameter), unnamed)] = parameter
        return found
