"""Where the graph of a loss uses a parameter in a product, and with which operand."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import POINTWISE, SAME_ORDER, Edge, operation, shape_of
from backsight.probes.loops._pieces import TAKEN_OUT, piece_of

__all__ = [
    "DEEPEST",
    "LARGEST",
    "PRODUCTS",
    "TURNED",
    "Graph",
    "Product",
    "Use",
    "bare",
    "graph_of",
]

LARGEST = 100_000
"""Operations of a graph; a larger one is left alone, because the search looks at each."""

DEEPEST = 15_000
"""Operations one after another. PyTorch frees an operation that Python has looked at by a call
inside the call that frees the one above it: at some 45,000, that is more than the stack of the
process holds, and the script would die where it lets its loss go."""


@dataclass(frozen=True, slots=True)
class Product:
    """Which inputs of an operation are multiplied, and what autograd calls them."""

    at: int
    """The place of the left one; the right one follows."""
    saved: tuple[str, str]


PRODUCTS = {
    "Addmm": Product(1, ("mat1", "mat2")),
    "Addmv": Product(1, ("mat", "vec")),
    "Baddbmm": Product(1, ("batch1", "batch2")),
    "Bmm": Product(0, ("self", "mat2")),
    "Convolution": Product(0, ("input", "weight")),
    "Linear": Product(0, ("input", "weight")),
    "Mm": Product(0, ("self", "mat2")),
    "Mv": Product(0, ("self", "vec")),
}

TURNED = frozenset(("Permute", "T", "Transpose"))
"""The same elements with their axes in another order."""

PICKED = frozenset(("Embedding", "EmbeddingBag", "Gather", "Index", "IndexSelect"))
"""What a table gives for data: no weight, although only a parameter goes in."""

STATES = frozenset(PRODUCTS) | PICKED
"""Never a weight: a learned first state may go into the first product."""


@dataclass(eq=False)
class Use:
    """One product of a parameter."""

    node: Node
    weight: Node
    """The leaf of the parameter that it comes from."""
    left: bool
    """Whether the weight is the left operand."""
    operand: Edge | None
    """The other operand; None where no gradient goes into it."""


@dataclass(eq=False)
class Graph:
    """The graph of a loss."""

    order: list[Node] = field(default_factory=list)
    """Every operation after those that it takes from; leaves are left out."""
    below: dict[Node, list[Edge]] = field(default_factory=dict)
    """What each was given, as far as a gradient goes on into it; of what was joined to others and
    taken out again, the piece."""
    constant: dict[Node, Node] = field(default_factory=dict)
    """Of what is made of parameters alone, the leaf of the largest one."""
    uses: dict[Node, list[Use]] = field(default_factory=dict)
    """By the leaf of a parameter."""
    takers: dict[Node, list[tuple[Node, int, int]]] = field(default_factory=dict)
    """What takes from an operation: which, at which place, and which output."""
    uneven: list[Node] = field(default_factory=list)
    """Leaves of parameters whose states were found and differ in shape."""


def graph_of(roots: Iterable[Tensor]) -> Graph | None:
    """The graph of ``roots``; None of one that is too large."""
    graph = Graph()
    given = _ordered([root.grad_fn for root in roots if root.grad_fn is not None])
    if given is None:
        return None
    names: dict[Node, str] = {}
    for node, edges in given.items():
        name = names[node] = operation(node)
        if name == "AccumulateGrad":
            graph.constant[node] = node
            continue
        graph.order.append(node)
        below = graph.below[node] = []
        for place, (one, number) in enumerate(edges):
            if one is not None:
                edge = piece_of((one, number)) if names[one] in TAKEN_OUT else (one, number)
                below.append(edge)
                graph.takers.setdefault(edge[0], []).append((node, place, edge[1]))
        leaf = _constant(node, name, edges, graph.constant)
        if leaf is not None:
            graph.constant[node] = leaf
            continue
        use = _use(node, name, edges, graph.constant)
        if use is not None:
            graph.uses.setdefault(use.weight, []).append(use)
    return graph


_Edges = tuple[tuple[Node | None, int], ...]
"""What an operation was given, as far as a gradient goes on into it; None for the rest."""


def _ordered(roots: list[Node]) -> dict[Node, _Edges] | None:
    """What each was given, every operation after those that it takes from.

    Without recursion, because a loop over steps is thousands of operations deep.
    """
    order: dict[Node, _Edges] = {}
    seen: set[Node] = set(roots)
    waiting = [(root, edges := root.next_functions, iter(edges)) for root in dict.fromkeys(roots)]
    while waiting:
        node, edges, below = waiting[-1]
        for next_one, _ in below:
            if next_one is not None and next_one not in seen:
                if len(seen) >= LARGEST or len(waiting) >= DEEPEST:
                    return None
                seen.add(next_one)
                following = next_one.next_functions
                waiting.append((next_one, following, iter(following)))
                break
        else:
            order[node] = edges
            waiting.pop()
    return order


def _constant(node: Node, name: str, below: _Edges, constant: Mapping[Node, Node]) -> Node | None:
    """The leaf that a weight comes from: turned, dropped out, normalised."""
    leaves = [constant.get(one) for one, _ in below if one is not None]
    if not leaves or name in STATES or any(leaf is None for leaf in leaves):
        return None
    if any(one is None for one, _ in below):
        # Data may go in. A mask is as large as the weight; a batch, to which a bias is added, not.
        largest = max(_size(one, number) for one, number in below if one is not None)
        if name not in POINTWISE or _size(node) != largest:
            return None
    return max(filter(None, leaves), key=_size)


def _size(node: Node, number: int = 0) -> int:
    """Elements of a tensor."""
    return math.prod(shape_of(node, number))


def _use(node: Node, name: str, edges: _Edges, constant: Mapping[Node, Node]) -> Use | None:
    product = PRODUCTS.get(name)
    if product is None:
        return None
    left, right = edges[product.at : product.at + 2]
    weights = [
        (_size(one, number), is_left, constant[one], other)
        for (one, number), is_left, other in ((right, False, left), (left, True, right))
        if one is not None and one in constant
    ]
    if not weights:
        return None
    _, is_left, leaf, (below, number) = max(weights, key=lambda one: one[0])
    return Use(node, leaf, is_left, None if below is None else (below, number))


def bare(edge: Edge) -> tuple[Edge, bool]:
    """What a tensor is a view of, and whether its axes are in another order there."""
    turned = False
    while (name := operation(edge[0])) in SAME_ORDER or name in TURNED:
        turned ^= name in TURNED
        below, number = edge[0].next_functions[0]
        if below is None:
            break
        edge = below, number
    return edge, turned
