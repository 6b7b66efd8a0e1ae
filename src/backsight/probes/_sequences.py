"""Which sequences of a batch are followed."""

__all__ = ["spacing"]

USUAL = 8
"""Sequences of a batch that are followed, unless told otherwise."""


def spacing(count: int | None, batch: int) -> tuple[int, int]:
    """How many sequences to follow, and from one to the next how many places.

    Evenly spaced, so that a strided view finds them: an index takes up to 50 times as long.

    Args:
        count: how many are wanted; None for all, 0 for the usual number or a quarter of the
            batch, if that is less, but two where there are two: one is compared with another.
        batch: how many there are.
    """
    if count == 0:
        count = max(2, min(USUAL, batch // 4))
    count = batch if count is None else min(count, batch)
    return count, batch // count if count else 1
