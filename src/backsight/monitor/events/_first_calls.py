"""Modules that are called and that may be no models of the script's: yet, or ever."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn
from torch.utils.weak import WeakIdKeyDictionary

from backsight.probes import parameters_of

__all__ = ["FirstCalls"]

BARE = 10
"""Calls of a module without parameters after which none are expected of it; and of one that nothing
moves, after which it counts as a model all the same."""

WRAPPERS = 3
"""Of one kind, around what is known: a script that wraps a model for good does so once."""


class FirstCalls:
    """Counts calls of such modules.

    Example:
        >>> from torch import nn
        >>> from backsight.monitor.events import FirstCalls
        >>> first, layer = FirstCalls(), nn.Linear(3, 2)
        >>> [first.passing(layer, steps) for steps in (0, 0, 1)]
        [True, True, False]
    """

    def __init__(self) -> None:
        self._bare: Any = WeakIdKeyDictionary()
        """How often each was called that has no parameters."""
        self._passing: Any = WeakIdKeyDictionary()
        """Of each that nothing moves, how many steps there were at its first call, and how often it
        was called since."""
        self._wrappers: Counter[str] = Counter()
        """By kind, those that brought no parameters."""

    def again(self, module: nn.Module) -> bool:
        """Whether to ask again of a module without parameters: a function, or a model that builds
        itself in its first calls."""
        self._bare[module] = asked = self._bare.get(module, 0) + 1
        return bool(asked < BARE)

    def passing(self, module: nn.Module, steps: int) -> bool:
        """Whether a module that nothing moves may be gone before the next step.

        A layer that a ``forward`` makes for itself is no model of the script's. One that is called
        again after a step stays.

        Args:
            module: it is called.
            steps: of all trainings so far.
        """
        first, times = self._passing.setdefault(module, (steps, 0))
        self._passing[module] = first, times + 1
        return bool(steps == first and times < BARE)

    def wrapping(self, module: nn.Module, known: Iterable[Sequence[nn.Module]]) -> bool:
        """Whether a module is one more of a kind that a script makes in each call around what is
        known: watching each would slow down the modules that it wraps, which outlive it.

        Args:
            module: it is called for the first time.
            known: the models of each training, without it.
        """
        own = set(map(id, parameters_of(module)))
        if not any(
            own <= {id(p) for one in models for p in parameters_of(one)} for models in known
        ):
            return False
        self._wrappers[type(module).__name__] += 1
        return self._wrappers[type(module).__name__] > WRAPPERS
