"""Whether a backward pass comes through a call: told by the graph, which nothing of ours holds.

A hook on each call of a cell would cost a few percent. Calls that hand their state on are one
chain, and a gradient that arrives at one of them goes on to the first: only that one has a hook.
"""

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import Tensor
from torch.autograd.graph import Node

from backsight.monitor._iteration import Followed
from backsight.probes import tensors_in

__all__ = ["CallChains", "follow"]

OPEN = 4
"""Chains of one module that may go on at a time: sequences may take turns."""

CHANGED = 8
"""Calls that share a hook where each state is changed on its way (a mask, dropout): it is no longer
known for certain whose it is, so a chain that another one follows may be that much too long."""


def follow(result: Any, followed: Followed | None = None) -> Followed:
    """To be told, there or anew, when a backward pass comes through what a call returned."""
    followed = followed or Followed()
    followed.by_backward = False
    _hook(followed, _tensors(result))
    return followed


def _hook(followed: Followed, results: Iterable[Tensor]) -> None:
    def passed(_: Any) -> None:
        followed.by_backward = True

    hooked: list[Node] = []  # two or three
    for result in results:
        node = result.grad_fn
        if node is not None and node not in hooked:
            node.register_prehook(passed)
            hooked.append(node)


class _Chain:
    """Calls that hand their state on, up to the newest one."""

    __slots__ = ("calls", "followed", "hooked", "newest", "unchanged")

    def __init__(
        self, newest: list["weakref.ref[Tensor]"], followed: Followed, hooked: bool
    ) -> None:
        self.newest, self.followed, self.hooked = newest, followed, hooked
        self.calls, self.unchanged = 1, False

    def may_be_changed(self) -> bool:
        """Whether one more state that is not the newest one passes for it."""
        self.calls += 1
        return not self.unchanged and self.calls <= CHANGED

    def handed(self, given: Sequence[Tensor]) -> Tensor | None:
        """Which of ``given`` is a state of the newest call, and still in its graph."""
        for reference in self.newest:
            state = reference()
            for one in given:
                if one is state and not one.is_leaf:
                    return one
        return None


class CallChains:
    """The calls of one module, which is called once a step, or may be.

    Args:
        cell: whether it is of a registered kind, called as ``module(x, state)``, which returns its
            new state; of an LSTM's two states, the first stands for both.
        stepped: asked whether another module is known to be called once a step. Else it passes for
            followed until it hands a state on.

    Example:
        >>> import torch
        >>> from backsight.monitor.events import CallChains
        >>> cell, chains, state, calls = torch.nn.GRUCell(3, 4), CallChains(cell=True), None, []
        >>> for x in torch.zeros(2, 1, 3):
        ...     given, state = (x, state), cell(x, state)
        ...     calls.append(chains.follow(given, {}, state))
        >>> state.sum().backward()
        >>> [call.by_backward for call in calls], calls[0] is calls[1]
        ([True, True], True)
    """

    def __init__(self, *, cell: bool, stepped: Callable[[], bool] = bool) -> None:
        self._cell, self._stepped = cell, stepped
        self._chains: list[_Chain] = []
        self.begun = False
        """Whether there are any in this iteration."""

    @property
    def newest(self) -> Followed:
        """Of the chain that began last."""
        return self._chains[-1].followed

    def begin(self) -> None:
        """A new iteration: the backward passes that have been are not its own."""
        self._chains, self.begun = [], False

    def goes_on(self, inputs: Any, result: Any) -> int | None:
        """Of one more call of a cell that goes on with the only chain, how many sequences it has.

        So do nearly all calls of a loop, and they are told without asking anybody. None of any
        other, of which :meth:`follow` is to be told.
        """
        if not self._cell or len(self._chains) != 1 or len(inputs) < 2:
            return None
        chain = self._chains[0]
        if not chain.newest:
            return None
        state, new = inputs[1], result
        if type(state) is tuple and type(new) is tuple and state and new:
            state, new = state[0], new[0]
        # By their types: a class may lie about itself.
        if not issubclass(type(state), Tensor) or not issubclass(type(new), Tensor):
            return None
        if state.is_leaf:
            return None
        if state is chain.newest[0]():
            chain.unchanged = True
        elif not chain.may_be_changed():
            return None
        chain.newest[0] = weakref.ref(new)
        return new.shape[0] if new.dim() > 1 else 1

    def follow(self, inputs: Any, named: Any, result: Any) -> Followed:
        """One more call.

        Args:
            inputs: what the module was called with.
            named: by name.
            result: what it returned.
        """
        given = _tensors(inputs) if not named else [*_tensors(inputs), *tensors_in(named)]
        outputs = _tensors(result)
        if self._cell:
            given, outputs = given[1:2], outputs[:1]
        newest = [weakref.ref(one) for one in outputs if not one.is_leaf]
        for chain in reversed(self._chains):
            state = chain.handed(given)
            if state is not None:
                if not chain.hooked:
                    chain.hooked, chain.followed.by_backward = True, False
                    _hook(chain.followed, [state])
                chain.newest, chain.unchanged = newest, True
                return chain.followed
        if self._cell and self._chains and given and not given[0].is_leaf:
            chain = self._chains[-1]
            if chain.may_be_changed():
                chain.newest = newest
                return chain.followed
        stepped = self._cell or self._stepped()
        followed = follow(result) if stepped else Followed(by_backward=True)
        alive = [one for one in self._chains if any(ref() is not None for ref in one.newest)]
        self._chains = [*alive[1 - OPEN :], _Chain(newest, followed, hooked=stepped)]
        self.begun = True
        return followed


def _tensors(content: Any) -> Sequence[Tensor]:
    """As ``tensors_in``, in less time for what a loop hands on."""
    # By their types: a class may lie about itself.
    if issubclass(type(content), Tensor):
        return (content,)
    if type(content) is not tuple:
        return tuple(tensors_in(content))
    found: list[Tensor] = []
    for part in content:
        if issubclass(type(part), Tensor):
            found.append(part)
        elif part is not None:
            found += _tensors(part)
    return found
