"""What a loop over a module of one's own begins with."""

from collections import defaultdict
from collections.abc import Iterable

from torch import Tensor
from torch.autograd.graph import Node

from backsight.probes._operations import axes_of, operation, saved, shape_of
from backsight.probes.loss import LossOperations

__all__ = ["LoopStates", "loop_begun", "loop_products", "loop_weights"]

MARK = "backsight loop"

FEWEST = 3
"""Steps of a loop."""

NEAR = 48
"""Operations between what a call has returned and the next call."""


class LoopStates:
    """The first two calls of each module in one iteration.

    What the second call is given that the first one has made is a state; what the first one was
    given in its place, beside an input, is the state that the loop begins with. Both may be put
    side by side (``cat``) in what the module is given.

    Example:
        >>> import torch
        >>> from backsight.probes import LoopStates
        >>> layer, state, loops = torch.nn.Linear(5, 3), torch.ones(2, 3), LoopStates()
        >>> for x in torch.zeros(2, 2, 2):
        ...     both = torch.cat([x, state], 1)
        ...     state = layer(both)
        ...     begun = loops.add("layer", [both], [state])
        >>> begun
        tensor([[1., 1., 1.],
                [1., 1., 1.]])
    """

    def __init__(self) -> None:
        self._first: dict[str, list[Tensor | None] | None] = {}
        """By path, what its first call was given, without what has a graph; None once there was a
        second one."""
        self.data: dict[str, Tensor] = {}
        """By path of a loop, what its first call was given beside the state, if one tensor."""

    def add(self, path: str, given: Iterable[Tensor], result: Iterable[Tensor]) -> Tensor | None:
        """One more call.

        Args:
            path: of the module.
            given: the tensors it was called with.
            result: those it returned.

        Returns:
            Of the second call, what the first one began with, if it needs no gradient; else None.
        """
        if path not in self._first:
            self._first[path] = [None if one.requires_grad else one for one in given]
            for tensor in result:
                if tensor.grad_fn is not None:
                    tensor.grad_fn.metadata.setdefault(MARK, set()).add(path)  # type: ignore[attr-defined]
            return None
        first, self._first[path] = self._first[path], None
        if first is None:
            return None
        now = [*given]
        if len(now) != len(first):
            return None
        begun = [
            (place, state)
            for place, (before, after) in enumerate(zip(first, now, strict=True))
            if (state := _state_begun(path, before, after, len(now) == 1)) is not None
        ]
        if not begun:
            return None
        carried = {place for place, _ in begun}  # of an LSTM, two
        others = [
            one for place, one in enumerate(first) if one is not None and place not in carried
        ]
        place, state = begun[0]
        if len(others) == 1 and state is first[place]:
            self.data[path] = others[0]
        return state.detach()


def _state_begun(path: str, before: Tensor | None, after: Tensor, alone: bool) -> Tensor | None:
    """The state in what the first call was given, if the second was given what it has made."""
    if before is None or before.shape != after.shape or before.dim() < 2:
        return None
    node, columns = after.grad_fn, None
    if node is not None and operation(node) == "Cat":
        node, columns = _part(node, after)
        alone = columns is None
    if alone or node is None or not _made_by_first(path, node):
        return None
    return before if columns is None else before[..., columns]


def _made_by_first(path: str, node: Node) -> bool:
    waiting, seen = [node], {node}
    for _ in range(NEAR):
        if not waiting:
            return False
        one = waiting.pop(0)
        if path in (one.metadata.get(MARK) or ()):  # type: ignore[attr-defined]
            return True
        new = [below for below, _ in one.next_functions if below is not None]
        waiting += [below for below in new if below not in seen]
        seen.update(new)
    return False


def _part(cat: Node, made: Tensor) -> tuple[Node | None, slice | None]:
    """Of two tensors side by side, the one with a graph, and its columns."""
    axis = axes_of(int(saved(cat, "dim")), made.dim())
    parts = cat.next_functions
    carried = [place for place, (below, _) in enumerate(parts) if below is not None]
    if axis != [made.dim() - 1] or len(parts) != 2 or len(carried) != 1:
        return None, None
    below, number = parts[carried[0]]
    assert below is not None
    width = shape_of(below, number)[-1]
    return below, slice(0, width) if carried == [0] else slice(made.shape[-1] - width, None)


def loop_begun(made: LossOperations) -> Tensor | None:
    """What a loop begins with that is no module, from the products of one weight.

    Of the products with the weight of the states, the first one's factor needs no gradient, and all
    later ones' do. A loop reads data at each step: another weight has as many products with what
    needs no gradient, or both are put side by side. What is refined over and over is no such loop.

    Args:
        made: the operations of the loss, while the graph is whole.

    Returns:
        ``(B, H)``; None where there is no such loop, or more than one.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, loop_begun
        >>> reads, keeps, state = torch.nn.Linear(2, 3), torch.nn.Linear(3, 3), torch.ones(1, 3)
        >>> for x in torch.zeros(4, 1, 2):
        ...     state = torch.tanh(reads(x) + keeps(state))
        >>> loop_begun(LossOperations([state.sum()]))
        tensor([[1., 1., 1.]])
    """
    loops = [each for each in loop_products(made) if len(each) >= FEWEST]
    data = {len(each) for each in loops if not any(map(_factor, each))}
    found = [one for each in loops if (one := _begun(each, len(each) in data)) is not None]
    # Of gates by hand, each has a weight of its own, and all are given the same state.
    return found[0] if len({one.data_ptr() for one in found}) == 1 else None


def loop_products(made: LossOperations) -> list[list[Node]]:
    """The products with each weight, in the order in which they were made.

    Args:
        made: the operations of a loss, while the graph is whole.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, loop_products
        >>> layer = torch.nn.Linear(2, 2)
        >>> state = layer(layer(torch.ones(1, 2)).tanh())
        >>> [len(each) for each in loop_products(LossOperations([state.sum()]))]
        [2]
    """
    products: dict[Node, list[tuple[int, Node]]] = defaultdict(list)
    for _, node in made.those({"Addmm", "Mm"}):
        turned = node.next_functions[-1][0]
        leaf = turned
        if turned is not None and operation(turned) != "AccumulateGrad":
            leaf = turned.next_functions[0][0] if turned.next_functions else None
        if leaf is not None and operation(leaf) == "AccumulateGrad":
            products[leaf].append((node._sequence_nr(), node))
    return [
        [node for _, node in sorted(each, key=lambda one: one[0])] for each in products.values()
    ]


def loop_weights(made: LossOperations) -> list[Tensor]:
    """Those that a loop multiplies with at each step.

    Args:
        made: the operations of a loss, while the graph is whole.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, loop_weights
        >>> layer, state = torch.nn.Linear(2, 2), torch.ones(1, 2)
        >>> for _ in range(3):
        ...     state = layer(state).tanh()
        >>> [one is layer.weight for one in loop_weights(LossOperations([state.sum()]))]
        [True]
    """
    found = []
    for each in loop_products(made):
        if len(each) >= FEWEST:
            node = each[0].next_functions[-1][0]
            while node is not None and operation(node) != "AccumulateGrad":
                node = node.next_functions[0][0]
            found.append(node.variable)  # type: ignore[union-attr]
    return found


def _factor(product: Node) -> Node | None:
    return product.next_functions[-2][0]


def _begun(products: list[Node], beside: bool) -> Tensor | None:
    first, *later = products
    if _factor(first) is not None or not all(map(_factor, later)):
        return None
    start: Tensor | None = saved(first, "mat1" if operation(first) == "Addmm" else "self")
    node = _factor(later[0])
    if start is None or node is None:
        return None
    if operation(node) == "Cat":
        _, columns = _part(node, start)
        return None if columns is None else start.detach()[..., columns]
    return start.detach() if beside or _reads(node, first) else None


def _reads(node: Node, first: Node) -> bool:
    """Whether a step of what was made before is added on the way from one product to the next."""
    waiting, seen = [node], {node}
    for _ in range(NEAR):
        if not waiting:
            return False
        one = waiting.pop(0)
        if operation(one) in ("Select", "Unbind"):
            return True
        for below, _ in one.next_functions:
            if below is not None and below is not first and below not in seen:
                seen.add(below)
                waiting.append(below)
    return False
