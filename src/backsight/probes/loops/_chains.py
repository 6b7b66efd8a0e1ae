"""The states of a recurrence: what a weight is multiplied with, once a step.

A weight is recurrent if each of its products depends on the one before. What such a product is
given is the state that the step before has handed on. No product is given the last one, which is
found in the place that the others have in their steps.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch.autograd.graph import Node

from backsight.probes._operations import Edge, operation, saved_axes, shape_of
from backsight.probes._steps import HELD
from backsight.probes.loops._handed import handed_on
from backsight.probes.loops._weights import Graph, Use, bare

__all__ = ["LEAST", "Loop", "chains_in"]

LEAST = 3
"""Products of a weight that depend on each other, from which on it may be a loop over steps."""

MOST = 128
"""Weights that may be recurrent; with more, the search would take long."""

PART = ("_saved_dim", "_saved_start", "_saved_end", "_saved_step")
"""What autograd keeps of a slice."""

Depths = dict[Node, NDArray[np.int32]]
"""By operation, how many products of each weight lie on the way to it, one after the other."""


@dataclass(eq=False)
class Loop:
    """States that are handed on from step to step."""

    weight: Node
    """The leaf of the parameter that they were found by."""
    chains: list[list[Edge]]
    """One for each sequence of calls, in the order in which the states were made."""
    products: list[list[list[Node]]]
    """By chain and state, the products of its step that are given the state before, or an initial
    one, where a row is a sequence."""
    depth: Callable[[Node], int] = field(repr=False)
    """How many products of the weight lie on the way to an operation."""

    @property
    def longest(self) -> list[Edge]:
        """The chain with the most states."""
        return max(self.chains, key=len)

    @property
    def size(self) -> int:
        """Elements of a state."""
        return int(np.prod(shape_of(*self.longest[0])))


def chains_in(graph: Graph, leaves: Sequence[Node]) -> list[Loop]:
    """Every loop in the graph; of several that depend on each other, those that are not a part of
    a step of another one.

    Args:
        graph: of the loss.
        leaves: of the parameters that may be recurrent. Of several with the same states, as those
            of the gates are, the first one counts.
    """
    weights = [leaf for leaf in leaves if LEAST <= len(graph.uses.get(leaf, ())) <= HELD]
    if not weights or len(weights) > MOST:
        return []
    depths = _depths(graph, weights)
    loops: list[Loop] = []
    for number, leaf in enumerate(weights):

        def depth(node: Node, number: int = number) -> int:
            row = depths.get(node)
            return 0 if row is None else int(row[number])

        chains, products = _chains(graph, graph.uses[leaf], depth)
        if chains and not any(loop.chains == chains for loop in loops):
            loops.append(Loop(leaf, chains, products, depth))
    return _outermost(loops)


def _depths(graph: Graph, weights: Sequence[Node]) -> Depths:
    """Operations share a row where they can: most have one input."""
    nothing = np.zeros(len(weights), np.int32)
    number = {use.node: n for n, leaf in enumerate(weights) for use in graph.uses[leaf]}
    depths: Depths = {}
    for node in graph.order:
        row = nothing
        for below, _ in graph.below[node]:
            other = depths.get(below)
            if other is None or other is row or other is nothing:
                continue
            row = other if row is nothing else np.maximum(row, other)
        if node in number:
            row = row.copy()
            row[number[node]] += 1
        depths[node] = row
    return depths


def _chains(
    graph: Graph, uses: Sequence[Use], depth: Callable[[Node], int]
) -> tuple[list[list[Edge]], list[list[list[Node]]]]:
    """The states between the products of one weight, and the products by the state that they make;
    none where these do not follow each other."""
    if max(depth(use.node) for use in uses) < LEAST:
        return [], []
    steps: dict[Edge, list[Use]] = {}
    first: list[Use] = []
    for use in uses:
        at = depth(use.node)
        if at == 1:
            first.append(use)
            continue
        state = None if use.operand is None else handed_on(use, at - 1, depth)
        if state is None:
            return [], []
        steps.setdefault(state, []).append(use)
    follower: dict[Edge, Edge] = {}
    beginning: list[tuple[Edge, list[Use]]] = []
    made_by = {use.node: state for state, each in steps.items() for use in each}
    for state in steps:
        before = [*_made_in(state[0], graph, depth, {use.node for use in uses})]
        previous = {made_by[node] for node in before if node in made_by}
        if not previous and before:
            beginning.append((state, [use for use in first if use.node in before]))
            continue
        if len(previous) != 1 or not previous.isdisjoint(follower):
            return [], []
        follower[previous.pop()] = state
    chains = []
    for state, _ in beginning:
        chain = [state]
        while (following := follower.get(chain[-1])) is not None:
            chain.append(following)
        chains.append(chain)
    started = {use for _, each in beginning for use in each}
    whole = _with_last(graph, chains, steps, [use for use in first if use not in started], depth)
    given = [[steps[state][0].operand for state in chain] for chain in chains]
    uneven = (len({shape_of(*state) for state in chain}) > 1 for chain in chains)
    if not all(map(_same_rows, whole, given)) or (not whole and any(uneven)):
        graph.uneven.append(uses[0].weight)
        return [], []
    if max(map(len, whole), default=0) < LEAST:
        return [], []
    rows = [
        [_by_row(before), *(_by_row(steps[state]) for state in chain)]
        for chain, (_, before) in zip(chains, beginning, strict=True)
    ]
    single: list[list[Node]] = [[]]
    return whole, [*rows, *[single] * (len(whole) - len(rows))]


def _by_row(uses: Sequence[Use]) -> list[Node]:
    """Products in which a row is a sequence."""
    vectors = ("Addmv", "Mv")
    return [use.node for use in uses if not use.left or operation(use.node) in vectors]


def _same_rows(chain: Sequence[Edge], operands: Sequence[Edge | None]) -> bool:
    """Whether states have one shape, or lose rows as sequences end, sorted by length, or get more
    behind those that there are, as sequences begin.

    Then a step is given the first rows of the state before, or that state and more rows, and makes
    as many.

    Args:
        chain: states.
        operands: what each of them is in the next product.
    """
    shapes = [shape_of(*one) for one in chain]
    return all(
        old == new
        or (
            (len(old) == 2 and old[1:] == new[1:] and operand is not None)
            and shape_of(*operand)[0] == new[0]
            and (old[0] > new[0] or _has_more_rows(operand, state))
        )
        for (old, new), operand, state in zip(
            itertools.pairwise(shapes), operands, chain, strict=False
        )
    )


def _has_more_rows(operand: Edge, state: Edge) -> bool:
    """Whether it is ``state`` and, behind it, rows of something else."""
    node, _ = operand
    if operation(node) != "Cat" or saved_axes(node, len(shape_of(*operand))) != [0]:
        return False
    first, *others = node.next_functions
    begins = first[0] is not None and bare((first[0], first[1]))[0] == state
    return begins and not any(one is not None and (one, number) == state for one, number in others)


def _made_in(
    node: Node, graph: Graph, depth: Callable[[Node], int], products: set[Node]
) -> Iterator[Node]:
    """The products of the step that made ``node``."""
    at = depth(node)
    seen, waiting = {node}, [node]
    while waiting:
        node = waiting.pop()
        if node in products:
            yield node
            continue
        for below, _ in graph.below.get(node, ()):
            if below not in seen and depth(below) == at:
                seen.add(below)
                waiting.append(below)


Way = list[tuple[str, int, int]]
"""From a product to the state: each operation, which of its inputs, and which output below it."""


def _with_last(
    graph: Graph,
    chains: Sequence[list[Edge]],
    steps: dict[Edge, list[Use]],
    alone: Sequence[Use],
    depth: Callable[[Node], int],
) -> list[list[Edge]]:
    """The last state of each chain as well, where it has the place of the others; else nothing.

    What follows that place in the other steps alone, as dropout on the way to the next step, is no
    part of the state: then it is what goes in there, in every step. Likewise where the next step is
    given a part of the units, and the last state is returned whole.

    Args:
        graph: of the loss.
        chains: states without the last one.
        steps: the products that each is given to.
        alone: products of sequences with a single step, if they lead to a state.
        depth: how many products lie on the way to an operation.
    """
    longest = max(chains, key=len, default=[])
    if len(longest) < LEAST - 1:
        return []
    way = _way(steps[longest[-2]][0].node, longest[-1], graph, depth)
    starts = [steps[chain[-1]][0].node for chain in chains]
    for spare in range(len(way or ())):
        assert way is not None
        place = way[: len(way) - spare]
        ends = [
            {
                one
                for one in _follow(start, place, graph, depth)
                if _same_part(one, chain[-1], graph)
            }
            for start, chain in zip(starts, chains, strict=True)
        ]
        if all(len(end) == 1 for end in ends):
            number = longest[-1][1]
            singles = [_follow(use.node, place, graph, depth) for use in alone]
            single = dict.fromkeys(end.pop() for end in singles if len(end) == 1)
            whole = [[*chain, (end.pop(), number)] for chain, end in zip(chains, ends, strict=True)]
            return [*whole, *([(state, number)] for state in single)]
        below = [[_only_below(state, graph) for state in chain] for chain in chains]
        if any(ends) or any(state is None for chain in below for state in chain):
            return []
        chains = [[state for state in chain if state is not None] for chain in below]
    return []


def _same_part(node: Node, state: Edge, graph: Graph) -> bool:
    """Whether an operation like the one that made ``state`` takes the same part out of a tensor,
    and whether that part goes on into anything."""
    other, number = state
    same = all(getattr(node, name, 0) == getattr(other, name, 0) for name in PART)
    goes_on = {taken for _, _, taken in graph.takers.get(node, ())} or {number}
    return same and number in goes_on


def _only_below(state: Edge, graph: Graph) -> Edge | None:
    below = [
        (node, number)
        for node, number in state[0].next_functions
        if node is not None and node not in graph.constant
    ]
    if len(below) != 1:
        return None
    part = operation(state[0]) in ("Slice", "Split", "SplitWithSizes")  # of the units of a step
    old, new = shape_of(*below[0]), shape_of(*state)
    return below[0] if old == new or (part and old[:-1] == new[:-1]) else None


def _way(start: Node, state: Edge, graph: Graph, depth: Callable[[Node], int]) -> Way | None:
    """A shortest one."""
    at, found = depth(start), {start: Way()}
    waiting = [start]
    while waiting:
        following = []
        for node in waiting:
            if node is state[0]:
                return found[node]
            for taker, place, number in graph.takers.get(node, ()):
                if taker not in found and depth(taker) == at:
                    found[taker] = [*found[node], (operation(taker), place, number)]
                    following.append(taker)
        waiting = following
    return None


def _follow(start: Node, way: Way, graph: Graph, depth: Callable[[Node], int]) -> set[Node]:
    at, here = depth(start), {start}
    for name, place, number in way:
        here = {
            taker
            for node in here
            for taker, its_place, its_number in graph.takers.get(node, ())
            if (its_place, its_number) == (place, number)
            and operation(taker) == name
            and depth(taker) == at
        }
    return here


def _outermost(loops: Sequence[Loop]) -> list[Loop]:
    """Without what is a part of a step: the reset state of a GRU, a layer inside a cell, an output
    that is given back as the next input."""
    dropped: set[int] = set()
    for one in loops:
        for other in loops:
            if one is other or not _depend_on_each_other(one, other):
                continue
            inside = _ahead(other, one) > 0 >= _ahead(one, other)
            if inside or other.size < one.size:
                dropped.add(id(other))
    return [loop for loop in loops if id(loop) not in dropped]


def _depend_on_each_other(one: Loop, other: Loop) -> bool:
    a, b = one.longest[-1][0], other.longest[-1][0]
    return one.depth(b) > 0 and other.depth(a) > 0


def _ahead(loop: Loop, of: Loop) -> int:
    """How many steps of ``of`` a state of ``loop`` is ahead of the state of ``of`` of that step."""
    at = min(len(loop.longest), len(of.longest)) // 2
    return of.depth(loop.longest[at][0]) - of.depth(of.longest[at][0])
