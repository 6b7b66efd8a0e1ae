"""Which of very many a view shows, where each takes a place of its own."""

from collections.abc import Sequence

import numpy as np

__all__ = ["some_of"]


def some_of(names: Sequence[str], most: int) -> tuple[tuple[str, ...], str]:
    """At most ``most`` of them, evenly spaced with both ends, and what to say of the rest."""
    if len(names) <= most:
        return tuple(names), ""
    places = np.linspace(0, len(names) - 1, most).astype(int)
    return tuple(names[i] for i in places), f"{most} of {len(names):,} layers are drawn"
