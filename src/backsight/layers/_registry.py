"""Which kinds of recurrent layers there are, and which of them a module is."""

import logging

from torch import nn

from backsight.errors import SettingError
from backsight.layers._adapter import LayerAdapter

__all__ = ["adapter_of", "register_layer", "registered_layers"]

_log = logging.getLogger("backsight")

_registered: dict[str, LayerAdapter] = {}


def register_layer(adapter: LayerAdapter) -> None:
    """Make a kind of layer known.

    Where several kinds recognise a module, the one with the most specific ``module_type`` has it,
    and of equals the one that was registered last.

    Raises:
        SettingError: another class has registered that kind, or it says not what it is.

    Example:
        >>> from torch import nn
        >>> from backsight import LayerAdapter, register_layer
        >>> from backsight.layers import adapter_of
        >>> class Leaky(nn.RNNCell):
        ...     pass
        >>> class LeakyCells(LayerAdapter):
        ...     kind, reading, module_type = "leaky", "stepped", Leaky
        >>> register_layer(LeakyCells())
        >>> adapter_of(Leaky(3, 4)).kind
        'leaky'
    """
    if isinstance(adapter, type):
        raise SettingError(
            f"register_layer expects an object, but {adapter.__name__} is a class: write "
            f"{adapter.__name__}()"
        )
    for name in ("kind", "reading", "module_type"):
        if not hasattr(adapter, name):
            raise SettingError(
                f"{type(adapter).__name__} has no {name}: every LayerAdapter must define it"
            )
    if not (isinstance(adapter.module_type, type) and issubclass(adapter.module_type, nn.Module)):
        raise SettingError(
            f"{type(adapter).__name__}.module_type must be a subclass of nn.Module, not "
            f"{adapter.module_type!r}"
        )
    known = _registered.get(adapter.kind)
    if known is not None and _origin(known) != _origin(adapter):  # a notebook's cell runs again
        raise SettingError(
            f"the layer kind {adapter.kind!r} is already registered by "
            f"{'.'.join(_origin(known))}: choose another name"
        )
    _registered.pop(adapter.kind, None)  # it is the last one now
    _registered[adapter.kind] = adapter


def adapter_of(module: nn.Module) -> LayerAdapter | None:
    """The most specific kind that recognises ``module``; None where none does.

    A kind that fails in it is forgotten, and told: it is asked of every module of every model.

    Example:
        >>> from torch import nn
        >>> from backsight.layers import adapter_of
        >>> adapter_of(nn.GRU(3, 4)).kind
        'nn.GRU'
        >>> print(adapter_of(nn.Linear(3, 4)))
        None
    """
    found = [adapter for adapter in reversed(registered_layers()) if _recognises(adapter, module)]
    if len(found) < 2:
        return found[0] if found else None
    bases = type(module).__mro__
    return min(
        found,
        key=lambda a: bases.index(a.module_type) if a.module_type in bases else len(bases),
    )


def registered_layers() -> tuple[LayerAdapter, ...]:
    """Every kind there is.

    Example:
        >>> from backsight.layers import registered_layers
        >>> [adapter.kind for adapter in registered_layers()][:3]
        ['nn.RNN', 'nn.GRU', 'nn.LSTM']
    """
    return tuple(_registered.values())


def _recognises(adapter: LayerAdapter, module: nn.Module) -> bool:
    try:
        return adapter.recognises(module)
    except Exception as error:  # noqa: BLE001 - must not reach the training
        _registered.pop(adapter.kind, None)
        _log.warning(
            "backsight: the layer kind %s failed to recognise a %s and is switched off: %r",
            adapter.kind, type(module).__name__, error,
        )  # fmt: skip
        return False


def _origin(adapter: LayerAdapter) -> tuple[str, str]:
    return type(adapter).__module__, type(adapter).__qualname__
