"""The class that a ``Trainer`` takes: a ``Callback`` of both packages of Lightning.

The same code comes as two packages, ``lightning.pytorch`` and ``pytorch_lightning``, whose trainers
ask for classes of their own. Often both are installed, and a library between may use either, so
that the callback is of both. To import the second costs next to nothing: what takes long is what
both need.
"""

from collections.abc import Iterable
from importlib import import_module

__all__ = ["callback_base"]

MODULES = {"lightning": "lightning.pytorch", "pytorch-lightning": "pytorch_lightning"}
"""What is imported of each package."""


def callback_base(packages: Iterable[str]) -> type:
    """``Callback`` of these packages, all of them in one class."""
    bases = tuple(import_module(MODULES[package]).Callback for package in packages)
    return bases[0] if len(bases) == 1 else type("Callback", bases, {})
