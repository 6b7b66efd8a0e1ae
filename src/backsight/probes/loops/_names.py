"""Parameters of a model by path, those of modules in plain lists and dicts included."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from backsight.probes._modules import named_modules, named_parameters

__all__ = ["paths_of"]


def paths_of(model: nn.Module, name: str) -> dict[int, str]:
    """By the identity of a parameter, what a loop over it is called: the path of the module whose
    ``weight`` it is, or its own.

    Args:
        model: the caller's.
        name: put before its paths.
    """
    found: dict[int, str] = {}
    for path, parameter in named_parameters(model):
        found[id(parameter)] = _called(name, path)
    for path, module in named_modules(model):
        for place, part in _in_containers(vars(module)):
            for inner, parameter in named_parameters(part):
                found.setdefault(id(parameter), _called(name, path, place, inner))
    return found


def _called(*parts: str) -> str:
    path = ".".join(filter(None, parts))
    return path.removesuffix(".weight")


def _in_containers(held: dict[str, Any]) -> Iterator[tuple[str, nn.Module]]:
    """Modules that PyTorch does not know of; the caller's own containers are not asked."""
    for name, content in list(held.items()):
        if not name.startswith("_"):
            yield from _modules_in(name, content)


def _modules_in(name: str, content: Any) -> Iterator[tuple[str, nn.Module]]:
    items: list[tuple[Any, Any]] = []
    if type(content) in (list, tuple):
        items = list(enumerate(content))
    elif type(content) is dict:
        items = [(key, value) for key, value in content.items() if type(key) in (str, int)]
    for key, value in items:
        if issubclass(type(value), nn.Module):
            yield f"{name}.{key}", value
