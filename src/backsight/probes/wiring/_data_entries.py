"""Where data enter a graph: whether a recurrent layer and an embedding are the only places."""

from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from torch import Tensor, nn
from torch.autograd.graph import Node

from backsight.probes._modules import parameters_of
from backsight.probes._operations import operation, saved, shape_of, signed, unpacked
from backsight.probes.loss import LossOperations
from backsight.probes.wiring._joined_apart import rows_below

__all__ = ["DataEntry", "data_by_weight", "data_entries", "given_beside", "put_elsewhere"]

PRODUCTS = {"Addmm": (1, 2), "Linear": (0, 1), "Mm": (0, 1)}
"""Which argument holds the rows, and which the weight."""

OPERANDS = {"Addmm": "mat1", "Convolution": "input", "Linear": "input", "Mm": "self"}
"""Under which name autograd keeps the rows."""

TURNED = frozenset({"TBackward0", "TransposeBackward0"})
"""What a weight is turned by before it is multiplied with rows."""

JOINS = frozenset({"Baddbmm", "Bmm", "Cat", "Convolution", "Stack"})
"""What takes several tensors, of which each may be data."""

PLACES = frozenset({"IndexCopy", "IndexPut", "MaskedScatter", "Scatter", "ScatterAdd"})
"""What puts numbers anywhere."""


class DataEntry(NamedTuple):
    """What a weight is multiplied with, that nothing is learned by.

    Example:
        >>> import torch
        >>> from backsight.probes import DataEntry
        >>> DataEntry(torch.zeros(5, 3), None).weight is None
        True
    """

    data: Tensor
    """``(N, F)`` rows, or what a convolution was given."""
    weight: Tensor | None
    """The parameter, where it is one as it is or transposed."""


def data_entries(made: LossOperations, *, states: bool = True) -> Iterator[DataEntry]:
    """What linear layers and convolutions were given, where it carries no gradient.

    Nothing is told of weights that are frozen, nor where looking would run code of the caller's.

    Args:
        made: the operations of the loss, while the graph is whole.
        states: whether to tell as well of what may be the initial state of a loop: its weight is
            multiplied, too, with what carries a gradient.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, data_entries
        >>> first, second = torch.nn.Linear(3, 4), torch.nn.Linear(4, 1)
        >>> loss = second(first(torch.zeros(5, 3)).tanh()).sum()
        >>> found = list(data_entries(LossOperations([loss])))
        >>> [tuple(one.data.shape) for one in found], found[0].weight is first.weight
        ([(5, 3)], True)
    """
    carried = set() if states else set(_carried(made))
    for name, node in made.those(OPERANDS.keys()):
        kept = OPERANDS[name]
        rows, weight = PRODUCTS.get(name, (0, 1))
        given = [below for below, _ in node.next_functions]
        if carried and len(given) > weight and _untied(given[weight]) in carried:
            continue
        if len(given) <= max(rows, weight) or given[rows] is not None or given[weight] is None:
            continue
        data = unpacked(node, kept)
        if data is not None:
            yield DataEntry(data, _leaf(given[weight]))


def data_by_weight(made: LossOperations, wanted: Container[int]) -> dict[int, list[Tensor]]:
    """What linear layers and convolutions were given, by the identity of their weight, where that
    is multiplied with nothing that carries a gradient.

    Args:
        made: the operations of the loss, while the graph is whole.
        wanted: weights, by identity. A loop has thousands of products with others, for which no
            function is called here.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations
        >>> from backsight.probes.wiring import data_by_weight
        >>> first, second = torch.nn.Linear(3, 4), torch.nn.Linear(4, 1)
        >>> made = LossOperations([second(first(torch.zeros(5, 3)).tanh()).sum()])
        >>> found = data_by_weight(made, [id(first.weight), id(second.weight)])
        >>> list(found) == [id(first.weight)], [len(x) for x in found[id(first.weight)]]
        (True, [5])
    """
    found: dict[int, list[Tensor]] = {}
    others = set()
    for name, node in made.those(OPERANDS.keys()):
        rows, weight = PRODUCTS.get(name, (0, 1))
        given = node.next_functions
        leaf = given[weight][0] if len(given) > max(rows, weight) else None
        if leaf is not None and leaf.name() in TURNED:
            leaf = leaf.next_functions[0][0]
        number = id(getattr(leaf, "variable", None))
        if number not in wanted:
            continue
        data = unpacked(node, OPERANDS[name]) if given[rows][0] is None else None
        if data is None:
            others.add(number)
        else:
            found.setdefault(number, []).append(data)
    return {number: data for number, data in found.items() if number not in others}


def _carried(made: LossOperations) -> Iterator[Node | None]:
    """What the weights are that are multiplied with what carries a gradient."""
    for name, node in made.those(OPERANDS.keys()):
        rows, weight = PRODUCTS.get(name, (0, 1))
        given = [below for below, _ in node.next_functions]
        if len(given) > max(rows, weight) and given[rows] is not None:
            yield _untied(given[weight])


def given_beside(
    made: LossOperations,
    layers: Iterable[nn.Module],
    batch: int,
    weights: Iterable[Tensor] = (),
) -> bool:
    """Whether a row of the batch may have more data than recurrent layers and embeddings are given.

    Data that are added, or multiplied by (a mask), do not count.

    Args:
        made: the operations of the loss.
        layers: the recurrent layers.
        batch: rows; what is taken apart into as many may be put together in another order.
        weights: of a loop that is no layer, which read its data.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, given_beside
        >>> rnn, side = torch.nn.RNN(3, 4), torch.nn.Linear(2, 4)
        >>> last = rnn(torch.randn(7, 5, 3))[1][0]
        >>> given_beside(LossOperations([last.sum()]), [rnn], 5)
        False
        >>> given_beside(LossOperations([(last + side(torch.randn(5, 2))).sum()]), [rnn], 5)
        True
    """
    own = {id(parameter) for layer in layers for parameter in parameters_of(layer)}
    own |= set(map(id, weights))
    return any(_is_entry(name, node, own, batch) for name, node in made.named())


def put_elsewhere(made: LossOperations, batch: int) -> bool:
    """Whether the rows of a batch may have been put into another order, otherwise than by an index.

    Where rows were packed, what was done to them before is no putting back, as of
    ``pack_sequence``, which copies them one by one.

    Args:
        made: the operations of the loss.
        batch: rows.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, put_elsewhere
        >>> x = torch.ones(4, 3, requires_grad=True)
        >>> back = torch.stack([x[i] for i in (2, 0, 3, 1)])
        >>> [put_elsewhere(LossOperations([one.sum()]), 4) for one in (back, x.tanh())]
        [True, False]
    """
    copies = [node for _, node in made.those({"CopySlices"})]  # out[row] = x[place], row by row
    puts = [node for name, node in made.named() if _puts(name, node, batch)]
    packed = {node for _, node in made.those({"PackPaddedSequence"})}
    if packed and (puts or len(copies) >= batch):
        copies = [node for node in copies if rows_below([node], packed)]
        puts = [node for node in puts if rows_below([node], packed)]
    return bool(puts) or len(copies) >= batch


def _puts(name: str, node: Node, batch: int) -> bool:
    if name in ("Cat", "Stack"):
        return len(node.next_functions) >= batch
    if name == "Gather":
        below, number = node.next_functions[0]
        return below is not None and shape_of(below, number)[signed(saved(node, "dim"))] == batch
    return name in PLACES


def _is_entry(name: str, node: Node, own: set[int], batch: int) -> bool:
    if _puts(name, node, batch):
        return True
    given = [below for below, _ in node.next_functions]
    if name in JOINS:
        return None in given
    if name in PRODUCTS:
        rows, weight = PRODUCTS[name]
        return given[rows] is None and not _is_own(given[weight], own)
    if name in ("Gather", "Index", "Take"):
        below, number = node.next_functions[0]
        source = LossOperations.source(below)
        if source is not None and operation(source) in ("LogSoftmax", "Softmax"):
            return False  # a loss by hand, which takes the classes that it asks for
        flat = below is None or len(shape_of(below, number)) < 3
        return flat and (name != "Index" or sum(i is not None for i in saved(node, "indices")) > 1)
    return False


def _is_own(node: Node | None, own: set[int]) -> bool:
    """Whether a weight is that of one of the layers."""
    leaf = _leaf(node)
    return leaf is not None and id(leaf) in own


def _leaf(node: Node | None) -> Tensor | None:
    leaf = getattr(_untied(node), "variable", None)
    return leaf if isinstance(leaf, Tensor) else None


def _untied(node: Node | None) -> Node | None:
    """What a weight is, behind its views."""
    while node is not None and operation(node) in ("T", "Transpose", "View"):
        node = node.next_functions[0][0]
    return node
