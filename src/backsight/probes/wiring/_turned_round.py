"""Sequences that a layer reads from their end, and along which axis its output is put back."""

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import axes_of, operation, saved, shape_of
from backsight.probes.loss import LossOperations

__all__ = ["TurnedRound"]


class TurnedRound:
    """Outputs of layers whose input was turned round along time, right before.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, TurnedRound
        >>> x = torch.nn.Linear(2, 3)(torch.randn(4, 5, 2)).flip(0)
        >>> y, _ = torch.nn.GRU(3, 3)(x)
        >>> turned = TurnedRound()
        >>> turned.add(x, y, time=0)
        >>> [turned.across(LossOperations([y.flip(axis).sum()])) for axis in (0, 1)]
        [[], [(4, 5, 3)]]
    """

    def __init__(self) -> None:
        self._batch: dict[int, int] = {}
        """By the sequence number of what made an output, its axis of the batch: no graph is held
        so."""

    def add(self, x: Tensor, output: Tensor, time: int) -> None:
        """One call of a layer.

        Args:
            x: ``(T, B, I)`` or ``(B, T, I)``, what it was given.
            output: of the same first axes.
            time: the axis of the steps.
        """
        made, given = output.grad_fn, x.grad_fn
        if made is not None and given is not None and _axes(given, x.dim()) == [time]:
            self._batch[made._sequence_nr()] = 1 - time

    def across(self, made: LossOperations) -> list[tuple[int, ...]]:
        """The shapes of those that are turned round along the batch, and along nothing else.

        Args:
            made: the operations of the loss, while the graph is whole.
        """
        found = []
        for _, node in made.those({"Flip"}) if self._batch else ():
            below, number = node.next_functions[0]
            axis = None if below is None else self._batch.get(below._sequence_nr())
            if below is None or axis is None:
                continue
            shape = shape_of(below, number)
            if _axes(node, len(shape)) == [axis]:
                found.append(shape)
        return found


def _axes(node: Node, dims: int) -> list[int]:
    """Those that it turns round; none where it does something else."""
    return axes_of(saved(node, "dims"), dims) if operation(node) == "Flip" else []
