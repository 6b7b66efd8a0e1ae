"""Calls of a fused layer that hand their state on, together and in order."""

from collections.abc import Sequence

import torch

from backsight.probes.fused._calls import Call

__all__ = ["chained"]


def chained(calls: Sequence[Call]) -> list[list[Call]]:
    """Calls that hand their state on, together and in order."""
    chains: list[list[Call]] = []
    ending: dict[int, list[Call]] = {}
    for call in calls:
        chain = ending.pop(call.previous, None) if call.previous is not None else None
        if chain is None or not _same_sequences(chain[-1], call):
            chain = []
            chains.append(chain)
        chain.append(call)
        ending[call.number] = chain
    return chains


def _same_sequences(one: Call, other: Call) -> bool:
    """Whether two calls follow the same rows of their batches."""
    if len(one.rows) != len(other.rows) or one.spaced != other.spaced:
        return False
    return one.spaced or torch.equal(one.sequences.sort().values, other.sequences.sort().values)
