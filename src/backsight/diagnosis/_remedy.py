"""A remedy: what to do, in words, and which setting it turns which way."""

from collections.abc import Callable
from typing import Self

from backsight.diagnosis._finding import Evidence

__all__ = ["ConditionalRemedy", "remedy"]


class ConditionalRemedy(str):
    """Words, with what decides whether they are advice for a run."""

    turns: dict[str, int]
    """By setting (``lr``, ``window``), 1 where it raises it and -1 where it lowers it: two that
    turn the same setting opposite ways are never advised together."""
    when: Callable[[Evidence], bool] | None
    """Whether the evidence of a finding speaks for it; None where nothing speaks against."""

    __slots__ = ("turns", "when")

    def __new__(
        cls, text: str, turns: dict[str, int], when: Callable[[Evidence], bool] | None
    ) -> Self:
        made = super().__new__(cls, text)
        made.turns, made.when = turns, when
        return made


def remedy(
    text: str, *, when: Callable[[Evidence], bool] | None = None, **turns: int
) -> ConditionalRemedy:
    """Of that text.

    Args:
        text: an imperative, without its capital letter and its full stop.
        when: whether the evidence of a finding speaks for it.
        turns: by setting, 1 or -1.

    Example:
        >>> from backsight.diagnosis import remedy
        >>> slower = remedy("lower the learning rate", when=lambda found: found["ratio"] > 1, lr=-1)
        >>> slower, slower.turns, slower.when({"ratio": 0.5})
        ('lower the learning rate', {'lr': -1}, False)
    """
    return ConditionalRemedy(text, turns, when)
