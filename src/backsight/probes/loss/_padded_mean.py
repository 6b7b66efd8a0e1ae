"""Means over all steps, those that only fill a batch up as well."""

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import POINTWISE, operation, saved
from backsight.probes.loss._loss_operations import LossOperations

__all__ = ["averages_padding", "averages_words"]

WAYS = frozenset({"IndexSelect", "Transpose"})
"""What ``pad_packed_sequence`` does last: it writes each sequence between zeros, and then puts them
in the order and the layout that is asked for."""

FAR = 24
"""Operations between a mean and an embedding."""

LEAVES = frozenset({"AccumulateGrad", "T"})
"""A weight, as it is or transposed."""

ALONE = (POINTWISE - {"Mul", "Div", "MaskedFill", "SWhere", "Where"}) | {
    *("Addmm", "Mm", "NativeLayerNorm", "UnsafeView", "View"),
}
"""What has no place for a mask, and keeps each word to itself."""


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


def averages_words(made: LossOperations, symbols: Tensor) -> bool:
    """Whether a mean is taken over all steps of what each symbol was made into on its own.

    Args:
        made: the operations of the loss, while the graph is whole.
        symbols: ``(B, T)`` or ``(T, B)`` indices of an embedding, whose second axis holds the
            padding: ``(B, T)``.

    Returns:
        False where anything stands between that a mask may be part of: a product, a choice, an
        attention, a recurrent layer.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, averages_words
        >>> embed, read = torch.nn.Embedding(9, 3), torch.nn.Linear(3, 4)
        >>> symbols = torch.tensor([[3, 4, 0], [5, 0, 0]])
        >>> states = read(embed(symbols)).relu()
        >>> mask = (symbols > 0)[..., None]
        >>> for pooled in (states.mean(1), (states * mask).mean(1), states.mean(2)):
        ...     averages_words(LossOperations([pooled.sum()]), symbols)
        True
        False
        False
    """
    for _, node in made.those({"Mean"}):
        shape, axes = _averaged(node)
        over_steps = len(shape) == 3 and axes == (1,) and shape[:2] == tuple(symbols.shape)
        if over_steps and _word_by_word(node, symbols):
            return True
    return False


def _word_by_word(mean: Node, symbols: Tensor) -> bool:
    """Whether an embedding's rows are all that it is of, and each is kept to itself."""
    node: Node | None = mean
    for _ in range(FAR):
        given = [] if node is None else [n for n, _ in node.next_functions if n is not None]
        given = [n for n in given if operation(n) not in LEAVES]
        if len(given) != 1:
            return False
        (node,) = given
        if operation(node) == "Embedding":
            indices: Tensor = saved(node, "indices")
            return indices.data_ptr() == symbols.data_ptr()
        if operation(node) not in ALONE:
            return False
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
