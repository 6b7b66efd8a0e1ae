"""A tensor that was joined to others and taken out again, as where a step hands on several states.

Autograd lets the piece depend on all that it was joined to.
"""

from torch.autograd.graph import Node

from backsight.probes._operations import Edge, operation, saved, saved_axes, shape_of, signed

__all__ = ["TAKEN_OUT", "is_first_rows", "piece_of"]

PARTS = ("Slice", "Split", "SplitWithSizes")

TAKEN_OUT = frozenset((*PARTS, "Select", "Unbind"))
"""Operations that may take out such a piece."""


def piece_of(edge: Edge) -> Edge:
    """What was joined to others, where ``edge`` is that and nothing else; ``edge`` itself where it
    is not."""
    while True:
        found = _piece(*edge)
        if found is None:
            return edge
        edge = found


def _piece(node: Node, number: int) -> Edge | None:
    name = operation(node)
    if name in PARTS:
        return _of_cat(node, number)
    if name in ("Select", "Unbind"):
        return _of_stack(node, number, name)
    return None


def _of_cat(node: Node, number: int) -> Edge | None:
    below, _ = node.next_functions[0]
    if below is None or operation(below) != "Cat":
        return None
    shape = shape_of(node, number)
    taken = _range(node, number, shape)
    if taken is None or saved_axes(below, len(shape)) != [taken[0]]:
        return None
    axis, begin, end = taken
    at = 0
    for piece, output in below.next_functions:
        if piece is None:
            return None  # its size is not known
        size = shape_of(piece, output)[axis]
        if (at, at + size) == (begin, end):
            return piece, output
        at += size
    return None


def _of_stack(node: Node, number: int, name: str) -> Edge | None:
    below, output = node.next_functions[0]
    if below is None or operation(below) != "Stack":
        return None
    dims = len(shape_of(below, output))
    if saved_axes(node, dims) != saved_axes(below, dims):
        return None
    at = number if name == "Unbind" else signed(saved(node, "index"))
    piece, output = below.next_functions[at]
    return None if piece is None else (piece, output)


def _range(node: Node, number: int, shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Which axis a slice or a split takes a part along, and from where to where."""
    (axis,) = saved_axes(node, len(shape))
    name = operation(node)
    if name == "Slice":
        if saved(node, "step") != 1:
            return None
        begin, size = signed(saved(node, "start")), saved(node, "self_sym_sizes")[axis]
        begin += size if begin < 0 else 0
    elif name == "Split":
        begin = number * saved(node, "split_size")
    else:
        begin = sum(saved(node, "split_sizes")[:number])
    return axis, begin, begin + shape[axis]


def is_first_rows(edge: Edge) -> bool:
    """Whether a tensor is the first rows of another one: of a batch whose last ones have ended."""
    shape = shape_of(*edge)
    if len(shape) != 2 or operation(edge[0]) not in PARTS:
        return False
    taken = _range(*edge, shape)
    return taken is not None and taken[:2] == (0, 0)
