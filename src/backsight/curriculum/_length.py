"""What a curriculum of sequence length is: asked before a batch, told what came of it.

Any loop can ask for :attr:`Length.length` before it draws a batch and tell what came of it with
:meth:`Length.see`. Source: Elman 1993 (starting small); Li et al. 2022 (a sequence-length warm-up
for language models).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from backsight.errors import SettingError

__all__ = ["Length", "check_count", "check_factor", "is_finite", "longer"]


class Length(ABC):
    """The length of the sequences of each iteration, from ``start`` to ``end``.

    Args:
        end: the longest, in steps; training stays there.
        start: the first.

    Raises:
        SettingError: they are no whole numbers, or ``start`` is above ``end``.

    Example:
        >>> from backsight.curriculum import Length
        >>> class OneMore(Length):
        ...     def step(self, loss, horizon=None):
        ...         self.length = min(self.length + 1, self.end)
        >>> length = OneMore(12, start=10)
        >>> for _ in range(4):
        ...     length.step(loss=1.0)
        >>> length.length
        12
    """

    def __init__(self, end: int, start: int) -> None:
        for name, value in {"end": end, "start": start}.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise SettingError(
                    f"{name} of a curriculum must be a whole number of at least 1, not {value!r}"
                )
        if start > end:
            raise SettingError(f"start of a curriculum must be at most its end, {end}, not {start}")
        self.end, self.start = end, start
        self.length = start
        """Steps of the next batch."""
        self.iteration = 0
        """Iterations seen."""

    @abstractmethod
    def step(self, loss: float, horizon: float | None = None) -> None:
        """An iteration is over.

        Args:
            loss: of that iteration; may be NaN.
            horizon: how many steps back the gradient reached, where that was measured in it.
        """

    def hold(self) -> None:  # noqa: B027 - a schedule does not care
        """Training has been unstable: somebody else says so (a guard that went back)."""

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"length": self.length, "iteration": self.iteration}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.length, self.iteration = state["length"], state["iteration"]


def longer(length: int, growth: float, end: int) -> int:
    """A length times ``growth``: at least one step more, and no more than ``end``."""
    return min(end, max(length + 1, round(min(length * growth, end))))


def check_count(name: str, value: int) -> None:
    """Raise a SettingError unless it is a whole number of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise SettingError(
            f"{name} of a curriculum must be a whole number of at least 1, not {value!r}"
        )


def check_factor(name: str, value: float) -> None:
    """Raise a SettingError unless it is a finite number above 1."""
    if not (is_finite(value) and value > 1):
        raise SettingError(f"{name} of a curriculum must be a number above 1, not {value!r}")


def is_finite(value: float) -> bool:
    """Whether it is a finite number."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value)
