"""The class that a ``Trainer`` takes: a ``Callback`` of Lightning's, of the package in use.

The same code comes as two packages, ``lightning.pytorch`` and ``pytorch_lightning``, whose trainers
ask for classes of their own. Which of them a script uses is known when it makes the callback, not
when it imports the class; often both are installed, and one is imported.
"""

import functools
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any, TypeVar

__all__ = ["callback_class", "loaded_packages", "plain_class"]

MODULES = {"lightning": "lightning.pytorch", "pytorch-lightning": "pytorch_lightning"}
"""What is imported of each package."""

Kind = TypeVar("Kind")


def loaded_packages(installed: Iterable[str]) -> tuple[str, ...]:
    """The modules of Lightning's that this process uses; all that are installed if it uses none."""
    modules = [MODULES[package] for package in installed]
    loaded = tuple(module for module in modules if module in sys.modules)
    return loaded or tuple(modules)


def callback_class(kind: type[Kind], modules: Iterable[str]) -> type[Kind]:
    """``kind``, and a ``Callback`` of each of ``modules`` as well."""
    bases = [import_module(module).Callback for module in modules]
    hashable: Any = kind
    found: type[Kind] = _derived(hashable, tuple(b for b in bases if not issubclass(kind, b)))
    return found


@functools.cache
def _derived(kind: type[Any], bases: tuple[type, ...]) -> type[Any]:
    if not bases:
        return kind
    same = {name: getattr(kind, name) for name in ("__module__", "__qualname__", "__doc__")}
    return type(kind.__name__, (kind, *bases), {**same, "__plain__": kind})


def plain_class(kind: type[Kind]) -> type[Kind]:
    """The class that can be imported, which ``kind`` was derived from."""
    plain: type[Kind] = vars(kind).get("__plain__", kind)
    return plain
