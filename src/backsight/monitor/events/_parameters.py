"""Whose parameters are observed: those that some optimizers move, by name."""

import weakref
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.weak import WeakIdKeyDictionary

from backsight.probes import Model, named_parameters

__all__ = ["Model", "ObservedParameters"]


class ObservedParameters:
    """The parameters of some optimizers, by name; neither is kept alive.

    A group may be added later. A parameter that no observed module holds
    is called after its place: ``group0.3``. Where no optimizer has been seen yet, they are those of
    the models, which the user's own code moves.

    Example:
        >>> import torch
        >>> from backsight.monitor.events import ObservedParameters
        >>> head = torch.nn.Linear(4, 1)
        >>> optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
        >>> observed = ObservedParameters()
        >>> observed.add(optimizer)
        >>> list(observed.of())
        ['group0.0', 'group0.1']
        >>> observed.name("head", head)
        >>> list(observed.of())
        ['head.weight', 'head.bias']
    """

    def __init__(self) -> None:
        self._optimizers: list[tuple[weakref.ref[Optimizer], int]] = []
        self._numbers: Any = WeakIdKeyDictionary()
        """By parameter, the number of the optimizer that moves it: a later one of the same
        parameters has the same."""
        self._models: list[tuple[weakref.ref[nn.Module], str]] = []
        """Each with what its paths begin with."""
        self._names: dict[int, str] = {}
        self._known: list[tuple[int, int]] = []
        self._found: dict[int, dict[str, nn.Parameter]] = {}
        self._number_of: dict[int, int] = {}
        """By optimizer's identity, as long as :attr:`_found` holds."""
        self._bare: dict[str, weakref.ref[Tensor]] = {}
        """Tensors that no module holds, by name."""
        self.by_hand = True
        """Whether the user's own code moves the parameters: no optimizer has been seen, or none has
        stepped though they moved."""

    def name(self, prefix: str, model: Model) -> None:
        """Learn the names of a model's parameters; or of tensors that no module holds."""
        if not isinstance(model, nn.Module):
            self._bare = {name: weakref.ref(tensor) for name, tensor in model.items()}
            self._names |= {id(tensor): name for name, tensor in model.items()}
            return
        for path, parameter in named_parameters(model):
            self._names.setdefault(id(parameter), ".".join(filter(None, (prefix, path))))
        self._models.append((weakref.ref(model), prefix))
        self._found, self._number_of = {}, {}

    @property
    def bare(self) -> bool:
        """Whether they are tensors that no module holds: no forward of a module shows anything."""
        return self.by_hand and bool(self._bare)

    def models(self) -> dict[str, nn.Module]:
        """The observed models, by what the paths of their modules begin with."""
        models = {prefix: reference() for reference, prefix in self._models}
        return {prefix: model for prefix, model in models.items() if model is not None}

    def name_of(self, parameter: nn.Parameter) -> str | None:
        """The path of a parameter that an observed model holds now; None where none does."""
        for reference, prefix in self._models:
            model = reference()
            for path, one in named_parameters(model) if model is not None else ():
                if one is parameter:
                    return ".".join(filter(None, (prefix, path)))
        return None

    def add(self, optimizer: Optimizer) -> None:
        """The parameters of one more optimizer; it is not kept alive, and one that is gone is
        forgotten."""
        self.by_hand = False
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        known = [self._numbers[p] for p in parameters if p in self._numbers]
        number = known[0] if known else max(self._numbers.values(), default=-1) + 1
        for parameter in parameters:
            self._numbers.setdefault(parameter, number)
        self._optimizers = [(weakref.ref(o), n) for o, n in self._live() if o is not optimizer]
        self._optimizers.append((weakref.ref(optimizer), number))
        self._found, self._number_of = {}, {}

    def number(self, optimizer: Optimizer) -> int:
        """Tells optimizers of different parameters apart; -1 for a stranger."""
        if id(optimizer) not in self._found:  # it may be another one under that identity
            return next((number for other, number in self._live() if other is optimizer), -1)
        number = self._number_of.get(id(optimizer))
        if number is None:
            live = self._live()
            number = next((number for other, number in live if other is optimizer), -1)
            self._number_of[id(optimizer)] = number
        return number

    def optimizers(self) -> list[Optimizer]:
        """Those that are still there."""
        return [optimizer for optimizer, _ in self._live()]

    def _live(self) -> Iterator[tuple[Optimizer, int]]:
        for reference, number in self._optimizers:
            optimizer = reference()
            if optimizer is not None:
                yield optimizer, number

    def of(self, only: Optimizer | None = None) -> dict[str, nn.Parameter]:
        """Every parameter that one, or any, of the optimizers moves."""
        if not self._optimizers:
            return self._of_models()
        lists: list[tuple[int, int]] = []
        for reference, _ in self._optimizers:  # several times a step
            optimizer = reference()
            for group in optimizer.param_groups if optimizer is not None else ():
                listed = group["params"]
                lists.append((id(listed), len(listed)))
        if lists != self._known:
            self._known, self._found, self._number_of = lists, {}, {}
        key = 0 if only is None else id(only)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._look(only)
        return found

    def marks(self) -> list[tuple[int, int]]:
        """What changes on each of them when a gradient arrives at it."""
        return [
            (0, -1) if (gradient := parameter.grad) is None else (id(gradient), gradient._version)
            for parameter in self.of().values()
        ]

    def _of_models(self) -> dict[str, nn.Parameter]:
        models = (reference() for reference, _ in self._models)
        there = [(name, reference()) for name, reference in self._bare.items()]
        bare: dict[str, Any] = {name: one for name, one in there if one is not None}
        return bare | {
            self._names.get(id(parameter), path): parameter
            for model in models
            if model is not None
            for path, parameter in named_parameters(model)
            if parameter.requires_grad
        }

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
