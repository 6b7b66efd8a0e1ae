"""Whether a call was part of the training: a backward pass has come through it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Followed", "those_followed"]


@dataclass(slots=True, eq=False)
class Followed:
    """Whether a backward pass has come through what a call returned.

    A forward that led to none was no part of the training: text that was sampled between two
    steps, a validation without ``no_grad``.
    """

    by_backward: bool = False


def those_followed(calls: Sequence[Any], followed: Callable[[Any], Followed | None]) -> list[Any]:
    """Those that a backward pass has come through, or that are not known; all where there is none.

    Args:
        calls: any kind of records of calls.
        followed: gives what is known of one.
    """
    if len(calls) == 1:
        return list(calls)
    found = [one for one in calls if (known := followed(one)) is None or known.by_backward]
    return found or list(calls)
