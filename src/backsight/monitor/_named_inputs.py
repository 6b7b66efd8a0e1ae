"""Modules that embed the inputs, by paths that the caller named before there was a model."""

from collections.abc import Sequence

from torch import nn

from backsight.probes import named_modules, no_such_module

__all__ = ["NamedInputs"]


class NamedInputs:
    """Which of the paths each model has, and which no model has had.

    Args:
        paths: those that were named.

    Example:
        >>> from torch import nn
        >>> from backsight.monitor._named_inputs import NamedInputs
        >>> named = NamedInputs(["embed", "embedd"])
        >>> named.of(nn.ModuleDict({"embed": nn.Embedding(3, 4)}))
        ['embed']
        >>> len(named.mistyped)
        1
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._missing: dict[str, tuple[str, list[str]]] = {}
        """Of those that no model has had so far: the class and the paths of the first model."""
        self._matched: set[str] = set()

    def of(self, model: nn.Module) -> list[str] | None:
        """Those that the model has; None for none."""
        if not self._paths:
            return None
        paths = [path for path, _ in named_modules(model)]
        found = [path for path in self._paths if path in paths]
        self._matched.update(found)
        for path in self._paths:
            if path not in found:
                self._missing.setdefault(path, (type(model).__name__, paths))
        return found or None

    @property
    def mistyped(self) -> list[str]:
        """A sentence for each that no model has had."""
        return [
            no_such_module(kind, path, paths)
            for path, (kind, paths) in self._missing.items()
            if path not in self._matched
        ]
