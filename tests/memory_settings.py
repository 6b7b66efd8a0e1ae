"""A short run of every memory task of the lab."""

from typing import Any

import pytest

from backsight.lab import (
    Memory,
    MemoryAdding,
    MemoryCopying,
    MemoryEcho,
    MemoryFirstSymbol,
    MemoryMemorisation,
    MemoryMixture,
    MemoryMultiplication,
    MemoryOrder,
    MemoryPermutation,
    MemoryThreeBitOrder,
    MemoryXor,
)

EVERY: list[tuple[type[Memory], dict[str, Any]]] = [
    (MemoryOrder, {"length": 16}),
    (MemoryOrder, {"length": 16, "form": "hochreiter"}),
    (MemoryThreeBitOrder, {"length": 16}),
    (MemoryAdding, {"length": 16}),
    (MemoryMultiplication, {"length": 16}),
    (MemoryXor, {"length": 16}),
    (MemoryCopying, {"length": 30}),
    (MemoryMemorisation, {"length": 16, "pattern": 3}),
    (MemoryPermutation, {"length": 16, "symbols": 6}),
    (MemoryFirstSymbol, {"length": 16, "symbols": 4}),
    (MemoryEcho, {"length": 16, "lag": 3, "symbols": 3}),
    (MemoryMixture, {"length": 16, "lag": 5, "symbols": 3}),
]

EACH = pytest.mark.parametrize(
    ("kind", "own"), EVERY, ids=["-".join([k.task_name, *filter(str.isalpha, map(str, o.values()))])
                                 for k, o in EVERY],
)  # fmt: skip

OTHERS = {
    MemoryThreeBitOrder, MemoryMultiplication, MemoryXor, MemoryFirstSymbol, MemoryMemorisation,
    MemoryPermutation, MemoryMixture,
}  # fmt: skip
"""Each is trained as another of its kind is: of order, of marked numbers, of symbols recalled."""

FIRST = [(kind, own) for kind, own in EVERY if kind not in OTHERS and "form" not in own]
"""One of each kind."""

ONE_OF_A_KIND = pytest.mark.parametrize(
    ("kind", "own"),
    [
        pytest.param(
            kind, own, marks=() if (kind, own) in FIRST else pytest.mark.long,
            id="-".join([kind.task_name, *filter(str.isalpha, map(str, own.values()))]),
        )
        for kind, own in EVERY
    ],
)  # fmt: skip
"""As ``EACH``; those that train as others do at length only."""
