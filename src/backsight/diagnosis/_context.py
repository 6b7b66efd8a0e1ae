"""How much of the past a model uses: its loss by the length of context it is given."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backsight.errors import SettingError

__all__ = ["Context", "Usable", "context_ladder", "context_probe", "usable_context"]

WITHIN = 0.01
"""Of the loss at full context (Khandelwal et al. 2018)."""


@dataclass(frozen=True, slots=True)
class Usable:
    """The smallest context that does as well as all of it.

    Example:
        >>> import numpy as np
        >>> from backsight.diagnosis import usable_context
        >>> usable_context(np.array([1, 2, 4, 8]), np.array([2.0, 1.0, 0.5, 0.5]))
        Usable(steps=4, low=4, high=4)
    """

    steps: int
    low: int
    """At least that, at two standard errors; the same where none are known."""
    high: int
    """At most that."""


@dataclass(frozen=True, slots=True)
class Context:
    """Loss by length of context.

    Example:
        >>> from backsight.diagnosis import context_probe
        >>> context = context_probe(lambda steps: 1.0 / min(steps, 4), [1, 2, 4, 8])
        >>> context.lengths.tolist(), context.losses.tolist()
        ([1, 2, 4, 8], [1.0, 0.5, 0.25, 0.25])
        >>> context.usable.steps, context.helps
        (4, True)
    """

    lengths: NDArray[np.int64]
    """``(n,)``, increasing; the last is the full one."""
    losses: NDArray[np.float64]
    """``(n,)``: means."""
    errors: NDArray[np.float64]
    """``(n,)``: standard errors of the difference to the last; NaN where they are not known."""

    @property
    def usable(self) -> Usable:
        """The smallest length within 1 % of the loss at the last."""
        return usable_context(self.lengths, self.losses, self.errors)

    @property
    def helps(self) -> bool:
        """Whether more context makes a difference, by 1 % and by two standard errors."""
        gain = float(self.losses[0] - self.losses[-1])
        error = float(np.nan_to_num(self.errors[0]))
        return gain > max(WITHIN * abs(float(self.losses[-1])), 2 * error)

    @property
    def summary(self) -> str:
        """In a sentence without its full stop."""
        usable, longest = self.usable, int(self.lengths[-1])
        if not np.isfinite(self.losses).all():
            return "the loss is not finite at some context length"
        if not self.helps:
            return f"more context, up to {longest} steps, does not lower the loss"
        if usable.steps == longest:
            return f"the model uses all {longest} steps of context"
        return (
            f"with {usable.steps} of {longest} steps of context the loss is within 1 % of the "
            "loss with all of them"
        )


def context_ladder(longest: int) -> list[int]:
    """1, 2, 4, … and ``longest``.

    Raises:
        SettingError: ``longest`` is not a whole number of at least 1.

    Example:
        >>> from backsight.diagnosis import context_ladder
        >>> context_ladder(20)
        [1, 2, 4, 8, 16, 20]
    """
    if not isinstance(longest, (int, np.integer)) or longest < 1:
        raise SettingError(
            f"the longest context must be a whole number of at least 1, not {longest!r}"
        )
    powers = [1 << n for n in range(int(longest).bit_length())]
    return sorted({*powers, int(longest)})


def context_probe(evaluate: Callable[[int], ArrayLike], lengths: int | Sequence[int]) -> Context:
    """Ask a model for its loss with ever more context.

    Args:
        evaluate: ``evaluate(c)`` gives the loss at positions that see exactly ``c`` steps of
            context (their own input included): a number, or one a sequence, ``(B,)``, always of
            the same sequences, from which the interval follows.
        lengths: those to ask, or the longest one: then 1, 2, 4, … up to it.

    Returns:
        losses, and the usable context.

    Raises:
        SettingError: the lengths are not increasing whole numbers, or a loss is no number.

    Example:
        >>> from backsight import context_probe
        >>> losses = {1: 2.0, 2: 1.0, 4: 0.5, 8: 0.5, 16: 0.5}  # of your model, evaluated by you
        >>> context = context_probe(lambda steps: losses[steps], 16)
        >>> context.usable.steps, context.helps
        (4, True)
    """
    asked = context_ladder(lengths) if isinstance(lengths, (int, np.integer)) else _ladder(lengths)
    losses = [_losses(evaluate(length), length) for length in asked]
    errors = np.full(len(asked), math.nan)
    full = losses[-1]
    for i, loss in enumerate(losses):
        if len(loss) == len(full) > 1 and np.isfinite(loss).all() and np.isfinite(full).all():
            errors[i] = np.std(loss - full, ddof=1) / math.sqrt(len(full))
    return Context(np.array(asked), np.array([loss.mean() for loss in losses]), errors)


def usable_context(
    lengths: NDArray[np.integer] | NDArray[np.floating],
    losses: NDArray[np.floating],
    errors: NDArray[np.floating] | None = None,
) -> Usable:
    """The smallest length from which on every loss is within 1 % of the last.

    Args:
        lengths: ``(n,)``, increasing.
        losses: ``(n,)``, finite.
        errors: standard errors ``(n,)`` of the differences to the last.

    Example:
        >>> import numpy as np
        >>> from backsight.diagnosis import usable_context
        >>> lengths, losses = np.array([1, 2, 4, 8]), np.array([2.0, 1.0, 0.51, 0.5])
        >>> usable_context(lengths, losses).steps
        8
    """
    limit = float(losses[-1]) + WITHIN * abs(float(losses[-1]))
    margin = np.zeros(len(losses)) if errors is None else 2 * np.nan_to_num(errors, nan=0.0)

    def first(values: NDArray[np.floating]) -> int:
        outside = np.flatnonzero(~(values <= limit))
        at = int(outside[-1]) + 1 if outside.size else 0
        return int(lengths[min(at, len(lengths) - 1)])

    return Usable(first(losses), first(losses - margin), first(losses + margin))


def _ladder(lengths: Any) -> list[int]:
    given = list(lengths) if isinstance(lengths, (Sequence, np.ndarray)) else []
    whole = [isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in given]
    if not given or not all(whole) or given[0] < 1 or any(b <= a for a, b in pairwise(given)):
        raise SettingError(
            f"context lengths must be increasing whole numbers of at least 1, not {lengths!r}"
        )
    return [int(n) for n in given]


def _losses(given: Any, length: int) -> NDArray[np.float64]:
    try:
        if given is None:
            raise TypeError
        losses = np.atleast_1d(np.asarray(given, np.float64)).ravel()
    except (TypeError, ValueError, RuntimeError) as error:  # the last of a tensor with a graph
        raise SettingError(
            f"evaluate({length}) returned {given!r:.80}; it must return one loss, or one per "
            "sequence"
        ) from error
    if not losses.size:
        raise SettingError(
            f"evaluate({length}) returned no loss; it must return one, or one per sequence"
        )
    return losses
