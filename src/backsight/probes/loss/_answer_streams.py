"""What a model was given, position by position: embedded symbols, and what layers read."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import saved
from backsight.probes.loss._answer_windows import STEPS
from backsight.probes.loss._loss_operations import LossOperations

__all__ = [
    "LayerInput", "LayerInputs", "Stream", "embedded_streams", "marked_streams", "packed_streams",
]  # fmt: skip

BEFORE_PACKING = {"Clone", "IndexSelect", "Mul", "NativeDropout", "Transpose"}
"""Between an embedding and the packing: sorted, dropped in part."""


@dataclass(frozen=True, slots=True)
class LayerInput:
    """What a call of a recurrent layer was given; it lives as long as the graph of the call.

    Example:
        >>> import torch
        >>> from backsight.probes import LayerInput
        >>> LayerInput("rnn", torch.zeros(5, 2, 3), steps=0).width
        3
    """

    layer: str
    given: Tensor
    """``(T, B, F)`` or ``(B, T, F)``; or ``(B, F)`` of one step."""
    steps: int | None = None
    """The axis of steps; None of one step."""
    both_ways: bool = False
    """Whether the layer is bidirectional."""

    @property
    def width(self) -> int:
        """Features."""
        return self.given.shape[-1]


LayerInputs = list[tuple[Node, LayerInput]]
"""Calls of recurrent layers, the last one first."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Inputs of ``(a, b)`` positions; one tensor ``(a, b, …)``, or ``a`` of ``(b, …)``."""

    given: Tensor
    """``(a, b)`` of symbols, ``(a, b, f)`` of numbers."""
    edges: Sequence[tuple[Node, int]]
    layer: LayerInput | None = None
    places: Tensor | None = None
    """``(N,)``: of sequences that were packed, which position comes when, counted row by row."""


def packed_streams(made: LossOperations) -> Iterator[Stream]:
    """Symbols whose embeddings were packed."""
    for _, node in made.those({"PackPaddedSequence"}):
        below, order = node.next_functions[0][0], None
        while below is not None and LossOperations.name(below) in BEFORE_PACKING:
            if LossOperations.name(below) == "IndexSelect":  # which sorts the rows
                if order is not None:
                    break
                order = saved(below, "index")
            below = below.next_functions[0][0]
        if below is None or LossOperations.name(below) != "Embedding":
            continue
        indices, rows_first = saved(below, "indices").detach(), bool(saved(node, "batch_first"))
        if indices.dim() != 2:
            continue
        rows, steps = indices.shape if rows_first else indices.shape[::-1]
        if tuple(saved(node, "input_sym_sizes"))[:2] != tuple(indices.shape):
            continue
        places = torch.arange(indices.numel(), device=indices.device).view(indices.shape)
        places = places if rows_first else places.t()
        places = places if order is None else places[order.to(places.device)]
        sizes = saved(node, "result1").tolist()
        if max(sizes) == rows and len(sizes) <= steps:
            packed = torch.cat([places[:size, step] for step, size in enumerate(sizes)])
            yield Stream(indices, [(below, 0)], None, packed)


def embedded_streams(made: LossOperations) -> Iterator[Stream]:
    """Symbols that were embedded, all steps at once or one by one."""
    singly: dict[tuple[object, tuple[int, ...]], list[tuple[Node, Tensor]]] = defaultdict(list)
    for _, node in made.those({"Embedding"}):
        try:
            indices = saved(node, "indices").detach()
        except RuntimeError:
            continue
        if indices.dim() == 2 and min(indices.shape) > 1:
            yield Stream(indices, [(node, 0)])
        elif indices.dim() == 2 or indices.dim() == 1:
            key = node.next_functions[0][0], tuple(indices.shape)
            singly[key].append((node, indices.reshape(-1)))
    for calls in singly.values():
        if len(calls) >= STEPS:
            calls.sort(key=lambda call: call[0]._sequence_nr())
            yield Stream(torch.stack([i for _, i in calls]), [(n, 0) for n, _ in calls])


def marked_streams(marks: LayerInputs) -> Iterator[Stream]:
    """What recurrent layers were given, all steps at once or one by one."""
    singly: dict[tuple[str, tuple[int, ...]], LayerInputs] = defaultdict(list)
    for node, mark in marks:
        if mark.steps is None:
            singly[mark.layer, tuple(mark.given.shape)].append((node, mark))
        elif mark.given.dim() == 3 and mark.given.shape[mark.steps] > 1:
            yield Stream(mark.given, [(node, 0)], mark)
    for calls in singly.values():
        if len(calls) >= STEPS:
            calls.sort(key=lambda call: call[0]._sequence_nr())
            given = torch.stack([mark.given for _, mark in calls])
            yield Stream(given, [(node, 0) for node, _ in calls], calls[0][1])
