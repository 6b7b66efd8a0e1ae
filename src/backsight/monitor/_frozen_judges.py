"""Models that are frozen while they judge what another one has made, as in many a GAN."""

import weakref
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.autograd.graph import Node
from torch.utils.weak import WeakIdKeyDictionary

from backsight.monitor._trainings import Group, alive
from backsight.probes import parameters_of, tensors_in

__all__ = ["FrozenJudges"]

FAR = 4096
"""Operations of a judgement that are looked at."""


class FrozenJudges:
    """Records ``adversary`` of a model that has an optimizer, but is frozen for this call, and of
    the one that has made what it is given. (One that is not frozen gets gradients, which are thrown
    away: those are seen by themselves.)

    Args:
        models: those of each training of a process.

    Example:
        >>> import torch
        >>> from backsight.monitor._frozen_judges import FrozenJudges
        >>> FrozenJudges({}).called(torch.nn.Linear(3, 1), torch.ones(1))  # there is no other model
    """

    def __init__(self, models: Mapping[Group, list["weakref.ref[nn.Module]"]]) -> None:
        self._models = models
        self._calls: Any = WeakIdKeyDictionary()
        """How often each was called so; 0 once it has been told."""

    def called(self, model: nn.Module, result: object) -> None:
        """It has answered."""
        if len(self._models) < 2 or not torch.is_grad_enabled():
            return
        if any(p.requires_grad for p in parameters_of(model)):
            return
        calls = self._calls.get(model, 1)
        self._calls[model] = calls and calls + 1
        if not calls or calls & (calls - 1):  # ever more seldom
            return
        movers = [one for one in self._models if one.monitor.optimizers]
        judges = [one for one in movers if any(m is model for m in alive(self._models[one]))]
        if not judges:
            return  # a teacher
        made = _leaves([x.grad_fn for x in tensors_in(result) if x.grad_fn is not None])
        makers = [one for one in movers if one not in judges and one.monitor.parameters & made]
        if makers:
            self._calls[model] = 0
            for one in (*judges, *makers):
                one.monitor.log(adversary=1.0)


def _leaves(starts: list[Node]) -> set[int]:
    """Identities of what operations depend on."""
    waiting, seen, found = [*starts], {*starts}, set()
    while waiting and len(seen) < FAR:
        node = waiting.pop()
        if hasattr(node, "variable"):
            found.add(id(node.variable))
        for below, _ in node.next_functions:
            if below is not None and below not in seen:
                seen.add(below)
                waiting.append(below)
    return found
