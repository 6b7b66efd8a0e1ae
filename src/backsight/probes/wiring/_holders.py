"""Where parameters are that no observed model holds: found among all modules of the process."""

import gc
from collections.abc import Collection

from torch import nn

__all__ = ["ALONE", "places_of"]

ALONE = " in no module"
"""Follows the class of a module that no other one holds and that holds none."""


def places_of(parameters: Collection[nn.Parameter]) -> dict[int, str]:
    """The class of the outermost module around each parameter, and the path in it.

    It looks at every object that Python's garbage collector knows, which takes some ten
    milliseconds: for what is asked once.

    Args:
        parameters: any.

    Returns:
        by identity; nothing of a parameter that no module holds.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import places_of
        >>> class Encoder(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.rnn = nn.GRU(3, 4)
        >>> encoder, cells = Encoder(), [nn.GRUCell(3, 4)]
        >>> weight, bias = encoder.rnn.weight_hh_l0, cells[0].bias_hh
        >>> found = places_of([weight, bias])
        >>> found[id(weight)], found[id(bias)]
        ('Encoder.rnn.weight_hh_l0', 'GRUCell in no module.bias_hh')
    """
    wanted = set(map(id, parameters))
    if not wanted:
        return {}
    modules = [one for one in gc.get_objects() if issubclass(type(one), nn.Module)]
    held_by: dict[int, tuple[nn.Module, str]] = {}
    holders: list[tuple[int, nn.Module, str]] = []
    for module in modules:
        parts = vars(module)
        for name, child in (parts.get("_modules") or {}).items():
            held_by.setdefault(id(child), (module, name))
        for name, parameter in (parts.get("_parameters") or {}).items():
            if id(parameter) in wanted:
                holders.append((id(parameter), module, name))
    return {number: _path(module, name, held_by) for number, module, name in reversed(holders)}


def _path(module: nn.Module, name: str, held_by: dict[int, tuple[nn.Module, str]]) -> str:
    path, seen = name, {id(module)}
    while id(module) in held_by:
        module, name = held_by[id(module)]
        if id(module) in seen:  # a module may hold what holds it
            break
        seen.add(id(module))
        path = f"{name}.{path}"
    alone = not (vars(module).get("_modules") or {})
    return f"{type(module).__name__}{ALONE if alone else ''}.{path}"
