"""The modules and parameters of a model, told apart by identity.

A user's module may define ``==``, ``hash``, ``len`` or ``parameters`` as it likes, may hold itself,
and must not be asked: PyTorch's own dictionaries are read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

__all__ = [
    "Model",
    "children_of",
    "listed_optimizers",
    "modules_above",
    "named_modules",
    "named_parameters",
    "parameters_of",
    "unwrapped",
    "unwrapped_optimizer",
]


Model = nn.Module | Mapping[str, Tensor]
"""A module; or tensors, by name, that no module holds and that the user's own code moves."""

WRAPPED = ("_orig_mod", "_fsdp_wrapped_module", "_original_module")
"""Under which name a wrapper holds the model: of torch.compile, of FSDP, of Lightning Fabric."""


def children_of(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The modules that ``module`` holds itself, by name.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import children_of
        >>> [name for name, _ in children_of(nn.Sequential(nn.Linear(3, 4), nn.Tanh()))]
        ['0', '1']
    """
    for name, child in list(_held(module, "_modules")):
        if issubclass(type(child), nn.Module):
            yield name, child


def named_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """``model`` and every module in it, once each, by path: a module before those inside it.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import named_modules
        >>> [path for path, _ in named_modules(nn.Sequential(nn.Sequential(nn.Tanh())))]
        ['', '0', '0.0']
    """
    seen: set[int] = set()
    waiting = [("", model)]
    while waiting:
        path, module = waiting.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        yield path, module
        inside = [(f"{path}.{name}" if path else name, part) for name, part in children_of(module)]
        waiting.extend(reversed(inside))


def modules_above(model: nn.Module, wanted: Callable[[nn.Module], bool]) -> set[int]:
    """The ``id`` of each module of ``model`` that is a wanted one or has one in it.

    In one walk up from these, however deep the model is.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import modules_above
        >>> layer, other = nn.Sequential(nn.GRU(3, 4)), nn.Linear(3, 4)
        >>> model = nn.Sequential(layer, other)
        >>> above = modules_above(model, lambda module: type(module) is nn.GRU)
        >>> [id(module) in above for module in (model, layer, layer[0], other)]
        [True, True, True, False]
    """
    holders: dict[int, list[int]] = {}
    waiting: list[int] = []
    for _, module in named_modules(model):
        for _, child in children_of(module):
            holders.setdefault(id(child), []).append(id(module))
        if wanted(module):
            waiting.append(id(module))
    above: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one not in above:
            above.add(one)
            waiting.extend(holders.get(one, ()))
    return above


def named_parameters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Every parameter of ``model``, once each, by path.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import named_parameters
        >>> [path for path, _ in named_parameters(nn.Sequential(nn.Linear(3, 4)))]
        ['0.weight', '0.bias']
    """
    seen: set[int] = set()
    for path, module in named_modules(model):
        for name, parameter in list(_held(module, "_parameters")):
            if issubclass(type(parameter), nn.Parameter) and id(parameter) not in seen:
                seen.add(id(parameter))
                yield f"{path}.{name}" if path else name, parameter


def parameters_of(model: nn.Module) -> Iterator[nn.Parameter]:
    """Every parameter of ``model``, once each.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import parameters_of
        >>> [tuple(parameter.shape) for parameter in parameters_of(nn.Linear(3, 4))]
        [(4, 3), (4,)]
    """
    return (parameter for _, parameter in named_parameters(model))


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside wrappers that shard, compile or cast it: its paths are the user's own.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import unwrapped
        >>> model = nn.Linear(3, 4)
        >>> unwrapped(nn.DataParallel(model)) is model
        True
    """
    seen: set[int] = set()
    while id(model) not in seen:
        seen.add(id(model))
        held = dict(children_of(model))
        if issubclass(type(model), (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inner = held.get("module")
        else:
            inner = next((held[name] for name in WRAPPED if name in held), None)
        if inner is None:
            break
        model = inner
    return model


def listed_optimizers(optimizer: Any) -> list[Any]:
    """What a user gives as one optimizer, as several or as None, in a list.

    Example:
        >>> from backsight.probes import listed_optimizers
        >>> listed_optimizers(None), listed_optimizers(["one", "other"])
        ([], ['one', 'other'])
    """
    if optimizer is None:
        return []
    single = isinstance(optimizer, Optimizer) or not isinstance(optimizer, Iterable)
    return [optimizer] if single else list(optimizer)


def unwrapped_optimizer(optimizer: object) -> object:
    """The optimizer of PyTorch's inside a wrapper that only looks like one; else ``optimizer``.

    A wrapper (Accelerate's, Fabric's) hands each step on: what is hooked is the one inside, and
    what is stepped, the wrapper.

    Example:
        >>> import torch
        >>> from backsight.probes import unwrapped_optimizer
        >>> class Wrapper:
        ...     def __init__(self, optimizer):
        ...         self.optimizer = optimizer
        >>> optimizer = torch.optim.SGD(torch.nn.Linear(3, 4).parameters(), lr=0.1)
        >>> unwrapped_optimizer(Wrapper(optimizer)) is optimizer
        True
    """
    seen: set[int] = set()
    inner: object = optimizer
    while id(inner) not in seen:
        seen.add(id(inner))
        held = getattr(inner, "__dict__", {})
        if isinstance(inner, Optimizer) and "_optimizer_step_pre_hooks" in held:
            return inner
        inner = held.get("optimizer", held.get("_optimizer", inner))
    return optimizer


def _held(module: nn.Module, kind: str) -> Any:
    """What stands in one of PyTorch's dictionaries, which a module without ``super().__init__()``
    has not."""
    held = vars(module).get(kind)
    return () if held is None else held.items()
