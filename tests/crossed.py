"""Choices that are tested together: all pairs in every run, the rest of the product at length."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations, product
from typing import Any

import pytest

__all__ = ["crossed"]


def crossed(names: str, *axes: Iterable[Any], together: int = 2) -> pytest.MarkDecorator:
    """Parametrise by the product of some axes.

    Chosen greedily are combinations in which any two values of two axes meet, and of equally good
    ones those whose values were chosen least; the others are marked ``long``. What goes wrong by
    one or two choices is found by the chosen ones.

    Args:
        names: of the axes, with commas between them.
        axes: the values of each.
        together: how many values are to meet: with 1, each value occurs.
    """
    values = [list(axis) for axis in axes]
    every = list(product(*(range(len(axis)) for axis in values)))
    meetings = {one: set(combinations(enumerate(one), together)) for one in every}
    needed = set().union(*meetings.values())
    chosen: set[Sequence[int]] = set()
    used: Counter[tuple[int, int]] = Counter()

    def worth(one: tuple[int, ...]) -> tuple[int, int]:
        return len(meetings[one] & needed), -sum(used[value] for value in enumerate(one))

    while needed:
        best = max(every, key=worth)
        chosen.add(best)
        needed -= meetings[best]
        used.update(enumerate(best))
    return pytest.mark.parametrize(
        names.split(","),
        [
            pytest.param(
                *(axis[i] for axis, i in zip(values, one, strict=True)),
                marks=() if one in chosen else pytest.mark.long,
            )
            for one in every
        ],
    )
