"""What the targets of a loss may be, of the inputs of its model."""

from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["STEPS", "among", "in_both_orders", "in_packing", "same", "varies", "windows"]

STEPS = 3
"""The fewest steps of a window: in a shorter one, equality may be chance."""


def varies(given: Tensor) -> bool:
    """Whether steps differ, and sequences: what stays the same is its own next step."""
    a, b = given.shape[:2]
    steps = a == 1 or bool((given[1:] != given[:-1]).any())
    return steps and (b == 1 or bool((given[:, 1:] != given[:, :-1]).any()))


def windows(given: Tensor) -> Iterator[tuple[Tensor, tuple[int, int]]]:
    """What the targets may be, whole or without one end; and the place of the first."""
    a, b = given.shape[:2]
    if max(a, b) < STEPS:
        return
    yield given.flatten(), (0, 0)
    yield given.transpose(0, 1).flatten(), (0, 0)
    for part, place in (
        (given[:, :-1], (0, 0)),
        (given[:-1], (0, 0)),
        (given[:, 1:], (0, 1)),
        (given[1:], (1, 0)),
    ):
        if min(part.shape[:2]) > 0 and max(part.shape[:2]) >= STEPS:
            yield part.flatten(), place
            yield part.transpose(0, 1).flatten(), place


def in_packing(given: Tensor, places: Tensor) -> Iterator[tuple[Tensor, tuple[int, int]]]:
    """Of sequences that were packed: each input in the order of the packing."""
    first, columns = int(places[0]), given.shape[1]
    yield given.flatten()[places], (first // columns, first % columns)


def in_both_orders(given: Tensor) -> Iterator[Tensor]:
    """``(a · b, f)`` of ``(a, b, f)``, whichever of the first two axes the targets run along."""
    yield given.flatten(0, 1)
    yield given.transpose(0, 1).flatten(0, 1)


def among(rows: Tensor, asked: Tensor, *, rounded: bool = False) -> bool:
    """Whether each column of ``asked`` is one of ``rows``: a number that is known, not a flag, of
    which two may go with each other by how the data were made.

    Args:
        rows: ``(N, F)``.
        asked: ``(N, K)``.
        rounded: whether to rounding errors only.
    """
    if rows.device != asked.device or not rows.is_floating_point():
        return False
    for column in asked.unbind(1):
        near = ROUNDED * column.abs().max() if rounded else 0.0
        differ = (rows.to(column.dtype) - column[:, None]).abs() > near
        if not bool((~differ.any(0)).any()) or len(torch.unique(column)) <= FLAG:
            return False
    return True


FLAG = 2
"""Values of what is yes or no."""

ROUNDED = 1e-5
"""Of the largest number."""


def same(given: Tensor, target: Tensor, counted: Tensor, *, rounded: bool = False) -> bool:
    """Whether those that count are equal, to rounding errors if need be, and not all one value."""
    if given.shape != target.shape or given.device != target.device:
        return False
    if not bool(counted.any()):
        return False
    here, there = given[counted], target[counted]
    if len(here) < STEPS:
        return False
    if rounded:
        near = ROUNDED * float(there.abs().max())
        if bool(((here.to(there.dtype) - there).abs() > near).any()):
            return False
        return bool(((here - here[0]).abs() > 2 * near).any())
    if not torch.equal(here.to(there.dtype), there):
        return False
    return bool((here != here[0]).any())  # what is always the same is equal by chance
