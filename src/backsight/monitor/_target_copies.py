"""Models that nothing trains and that get the weights of one that is: target networks."""

import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy
from torch.utils.weak import WeakIdKeyDictionary

from backsight.monitor._monitor import Monitor
from backsight.monitor._trainings import Group, alive
from backsight.probes import parameters_of

__all__ = ["TargetCopies"]

LASTED = 5
"""Iterations in a row in which it has answered with the same weights: a model that is evaluated now
and then is called in one, and an average of weights changes in each."""


@dataclass
class _Copy:
    """What is known of a model that nothing trains."""

    calls: int = 0
    version: int = 0
    """Of its first weight."""
    trained: Monitor | None = None
    """Whose model it may be a copy of."""
    newest: int = -1
    """Iteration of that one in which it was called last."""
    lasted: int = 0
    """Iterations in a row in which it was called, since its weights have changed."""


class TargetCopies:
    """Records ``target_replaced`` of the model that is asked for what such a one says.

    Args:
        models: those of each training of a process.

    Example:
        >>> import torch
        >>> from backsight.monitor import Monitor
        >>> from backsight.monitor._target_copies import TargetCopies
        >>> from backsight.monitor.sinks import NullRecorder
        >>> target = torch.nn.RNN(3, 4)
        >>> copies, monitor = TargetCopies({}), Monitor(None, [], NullRecorder())
        >>> copies.met(target, monitor)
        >>> copies.called(target)  # there is no model that it may be a copy of
    """

    def __init__(self, models: Mapping[Group, list["weakref.ref[nn.Module]"]]) -> None:
        self._models = models
        self._known: Any = WeakIdKeyDictionary()

    def met(self, model: nn.Module, monitor: Monitor) -> None:
        """It is observed by that monitor, which may have an optimizer."""
        if not monitor.optimizers:
            self._known[model] = _Copy()
        elif model in self._known:
            del self._known[model]

    def called(self, model: nn.Module) -> None:
        """It has answered."""
        one: _Copy | None = self._known.get(model) if self._known else None
        weight = None if one is None else next(parameters_of(model), None)
        if one is None or weight is None:
            return
        if one.trained is None and not weight.is_inference():
            one.calls += 1
            if one.calls & (one.calls - 1):  # ever more seldom: it may act before anything trains
                return
            one.trained, one.version = self._trained_alike(model), weight._version
        if one.trained is None:
            return
        now = one.trained.next_iteration
        changed, one.version = weight._version != one.version, weight._version
        if changed:
            if one.lasted >= LASTED and now - one.newest <= 1:
                one.trained.log(target_replaced=1.0)
                del self._known[model]
            one.lasted = 0
        if now != one.newest:
            one.lasted = one.lasted + 1 if now - one.newest == 1 else 1
            one.newest = now

    def _trained_alike(self, model: nn.Module) -> Monitor | None:
        """The monitor of a model with parameters of the same shapes."""
        shapes = _shapes(model)
        for group, models in self._models.items():
            if group.monitor.optimizers and any(_shapes(one) == shapes for one in alive(models)):
                return group.monitor
        return None


def _shapes(model: nn.Module) -> list[tuple[int, ...]]:
    return [() if is_lazy(p) else tuple(p.shape) for p in parameters_of(model)]
