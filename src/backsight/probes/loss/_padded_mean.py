"""Means over the steps of what was packed, whose padding counts as zeros."""

from torch.autograd.graph import Node

from backsight.probes._operations import operation
from backsight.probes.loss._loss_operations import LossOperations

__all__ = ["averages_padding"]

WAYS = frozenset({"IndexSelect", "Transpose"})
"""What ``pad_packed_sequence`` does last: it writes each sequence between zeros, and then puts them
in the order and the layout that is asked for."""


def averages_padding(made: LossOperations, steps: int, batch: int) -> bool:
    """Whether a mean is taken over all steps of a batch that ``pad_packed_sequence`` has padded.

    Args:
        made: the operations of the loss, while the graph is whole.
        steps, batch: of what was packed.

    Example:
        >>> import torch
        >>> from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
        >>> from backsight.probes import LossOperations, averages_padding
        >>> rnn, lengths = torch.nn.RNN(3, 4), torch.tensor([6, 2])
        >>> packed = pack_padded_sequence(torch.randn(6, 2, 3), lengths)
        >>> states, _ = pad_packed_sequence(rnn(packed)[0])
        >>> for pooled in (states.mean(0), states.sum(0) / lengths[:, None]):
        ...     averages_padding(LossOperations([pooled.sum()]), steps=6, batch=2)
        True
        False
    """
    for _, node in made.those({"Mean"}):
        shape, axes = _averaged(node)
        if len(shape) == 3 and axes == (_time_of(node.next_functions[0][0]),):
            first = axes[0] == 1
            if shape[:2] == ((batch, steps) if first else (steps, batch)):
                return True
    return False


def _averaged(node: Node) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shape of what a mean is taken of, and over which axes; none of all numbers together."""
    shape = tuple(getattr(node, "_saved_self_sym_sizes", ()))
    axes = getattr(node, "_saved_dim", None) or ()
    return shape, tuple(axis % len(shape) for axis in axes) if shape else ()


def _time_of(node: Node | None) -> int | None:
    """The axis of time of what ``pad_packed_sequence`` has returned; None of anything else."""
    turned = 0
    while node is not None and operation(node) in WAYS:
        turned += operation(node) == "Transpose"
        node = node.next_functions[0][0]
    return turned % 2 if node is not None and operation(node) == "CopySlices" else None
