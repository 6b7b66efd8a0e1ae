"""A fused layer that is called step by step and fed its own output: its reach.

The replay of such calls gives everything else. But the closed form knows the path through the
state alone; here the gradient also goes back through the next call's input, so that the way from
one position has to be asked of autograd.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn.utils.rnn import PackedSequence

from backsight.probes._autograd import Gradient, gradients_of
from backsight.probes._profile import Tally, relative
from backsight.probes._state_handoff import NEAR, TRIES
from backsight.probes._steps import (
    Chain,
    StateStep,
    StepLog,
    begun_of,
    chains_of,
    nodes_of,
    source_of,
)
from backsight.probes._tensors import SameTensor, made_of, tensors_in

__all__ = ["SingleSteps", "single_step_reach"]

FAR = 512
"""Operations between an output and the input it is fed back into: an attention, say."""

Feedback = Literal["feedback both ways", "feedback packed", "feedback in windows"]
"""Causes of :class:`Unmeasured`."""


class SingleSteps:
    """Catches the calls of fused layers that are single steps, while it is armed."""

    def __init__(self) -> None:
        self.armed = True
        self.fed_back: dict[str, nn.RNNBase] = {}
        """Layers whose input is made of an output of theirs, by path."""
        self.left_out: dict[str, int] = {}
        """Such layers whose calls became too many, by path, and how many are kept."""
        self.unseen: dict[str, Feedback] = {}
        """Layers that go on from a state and from an output of theirs in a way that is not
        measured, by path."""
        self._log = StepLog()
        self.of_output: set[str] = set()
        """Layers whose initial state is made of an output of theirs, which no reader follows."""
        self._mark = object()
        """Under it, operations have a note of what they made: they live as long as their caller
        wants."""
        self._ends: dict[str, deque[SameTensor]] = {}
        """By path, final states of the latest calls."""
        self._made: dict[str, dict[Node, StateStep]] = {}
        """By path, which step made what the caller's graph holds."""

    def called(self, path: str, module: nn.RNNBase, args: Any, kwargs: Any, result: Any) -> None:
        """A fused layer has run: in a loop, if for a single step."""
        output, final = result
        finals = final if isinstance(final, tuple) else (final,)
        if not self.armed:
            return
        given = [*tensors_in(args), *tensors_in(kwargs)]
        feedback = _unseen(module, output)
        if feedback is not None and self._goes_on(path, given[1:]) and self._is_fed(path, given[0]):
            self.unseen[path] = feedback
        if any("output" in self._made_by(path, state, NEAR) for state in given[1:]):
            self.of_output.add(path)
        self._note(path, output, finals)
        if feedback is not None:
            return
        most = self._log.most(path)
        if self._log.piles_up(path):
            self._made.pop(path, None)
            if module.training:
                self.left_out |= dict.fromkeys(self.fed_back, most)
                self.armed = False
                self.forget()
            return
        if not output.requires_grad:
            return
        calls = self._log.of(path)
        made = self._made.setdefault(path, {})
        if given and made_of(given[0], made, FAR) is not None:
            self.fed_back[path] = module
        lately = reversed(calls[-TRIES:])
        links = (call for call in lately if any(map(call.marks[0].is_in, given[1:])))
        previous, anew = next(links, None), None
        if previous is None:
            batch = 1 if output.dim() == 2 else output.shape[0 if module.batch_first else 1]
            previous, anew = source_of(calls[-TRIES:], given[1:], batch)
        marks = [SameTensor(finals[0])]
        calls.append(StateStep([output, *finals], previous, marks, module.training, anew=anew))
        made |= nodes_of(calls[-1:])

    def _note(self, path: str, output: Any, finals: Sequence[Tensor]) -> None:
        """Note on operations that they made what a call has returned."""
        data = output.data if isinstance(output, PackedSequence) else output
        for tensor, kind in ((data, "output"), *((final, "final") for final in finals)):
            if tensor.grad_fn is not None:
                notes = cast(dict[Any, Any], tensor.grad_fn.metadata)
                notes.setdefault(self._mark, {})[tensor.output_nr] = path, kind
        self._ends.setdefault(path, deque(maxlen=TRIES)).append(SameTensor(finals[0]))

    def _goes_on(self, path: str, states: Sequence[Tensor]) -> bool:
        """Whether a state was handed on from an earlier call of that layer, detached or not."""
        ends = self._ends.get(path, ())
        return any(
            any(mark.is_in(state) for mark in ends) or "final" in self._made_by(path, state, NEAR)
            for state in states
        )

    def _is_fed(self, path: str, x: Tensor) -> bool:
        """Whether an input was made of an earlier output of that layer."""
        return "output" in self._made_by(path, x, FAR)

    def _made_by(self, path: str, tensor: Tensor, limit: int) -> set[str]:
        """What of earlier calls of that layer a tensor was made of, nearest first: not what these
        were made of in their turn."""
        found: set[str] = set()
        waiting = deque([(tensor.grad_fn, tensor.output_nr)])
        seen = set(waiting)
        while waiting and len(seen) < limit:
            node, number = waiting.popleft()
            if node is None:
                continue
            notes = cast(dict[Any, Any], node.metadata).get(self._mark, {})
            owner, kind = notes.get(number, ("", ""))
            if kind and owner == path:
                found.add(kind)
                continue
            for edge in node.next_functions:
                if edge not in seen:
                    seen.add(edge)
                    waiting.append(edge)
        return found

    def reach(
        self, path: str, roots: Sequence[Tensor], gradients: Sequence[Tensor | None]
    ) -> dict[str, tuple[NDArray[np.float64], int | None]]:
        """``R(k)`` by layer of one that is :attr:`fed_back`, and where its graph ends."""
        self.left_out.pop(path, None)
        chains = chains_of(self._log.of(path))
        return single_step_reach(path, self.fed_back[path], chains, gradients_of, roots, gradients)

    def finish(self) -> None:
        """A pass has been measured: the rest of the iteration is left alone."""
        self._log.finish()
        self.armed = False
        self.forget()

    def forget(self) -> None:
        """Let every graph go."""
        self._log.forget()
        self._made, self.fed_back, self._ends, self.unseen = {}, {}, {}, {}
        self.of_output, self._mark = set(), object()


def _unseen(module: nn.RNNBase, output: Any) -> Feedback | None:
    """Why a way through the output as the next input is not measured of such a call, if it is
    not."""
    if module.bidirectional:
        return "feedback both ways"
    if isinstance(output, PackedSequence):
        return "feedback packed"
    if output.dim() == 3 and output.shape[1 if module.batch_first else 0] != 1:
        return "feedback in windows"
    return None


def single_step_reach(
    path: str,
    module: nn.RNNBase,
    chains: Sequence[Chain],
    gradient_of: Gradient,
    roots: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
) -> dict[str, tuple[NDArray[np.float64], int | None]]:
    """``R(k)`` by layer, and the last lag that the graph leads to.

    The gradient on the top layer's state is that on output and ``h_n``.

    Args:
        path: the module's.
        module: of one direction.
        chains: of steps whose outputs are ``output``, ``h_n`` and, of an LSTM, ``c_n``.
        gradient_of: ``autograd.grad`` that keeps the graph; None where there is no path.
        roots: what backward is about to be called on.
        gradients: with these gradients.
    """
    tallies = [Tally() for _ in range(module.num_layers)]
    end = -1
    for calls in chains:
        chain = [call.outputs for call in calls]
        flat = [state for step in chain for state in step]
        totals = dict(zip(map(id, flat), gradient_of(roots, flat, gradients), strict=True))
        count = _by_sequence(module, chain[0][0], 0).shape[0]
        position = torch.full((count,), -1, device=flat[0].device)
        for t, step in enumerate(chain):
            for which, state in enumerate(step):
                total = totals[id(state)]
                if total is not None:
                    there = (_by_sequence(module, total, which) != 0).any(-1)
                    position = torch.where(there, t, position)
        outputs, seeds = [], []
        for t in sorted(set(position[position >= 0].tolist())):
            for which, state in enumerate(chain[t]):
                total = totals[id(state)]
                if total is not None:  # the kernel's outputs are not made of each other
                    outputs.append(state)
                    seeds.append(torch.where(_mask(module, position == t, state, which), total, 0))
        back = dict(zip(map(id, flat), gradient_of(outputs, flat, seeds), strict=True))
        at = position.cpu().numpy()
        begun = begun_of([[call.anew] for call in calls], at)
        for t, (output, h_n, *_) in enumerate(chain):
            direct, through = back[id(output)], back[id(h_n)]
            by_layer = _by_sequence(
                module, torch.zeros_like(h_n) if through is None else through, 1
            ).unflatten(1, (module.num_layers, -1))  # type: ignore[no-untyped-call]
            if direct is not None:
                by_layer = by_layer.clone()
                by_layer[:, -1] += _by_sequence(module, direct, 0)
            norms = torch.linalg.vector_norm(by_layer, dim=-1, dtype=torch.float64).cpu().numpy()
            lag = np.where((at >= 0) & (t >= begun), at - t, -1)
            if direct is not None or through is not None:
                end = max(end, int(lag.max(initial=-1)))
            for number, tally in enumerate(tallies):
                tally.add(lag, norms[:, number])
    return {
        f"{path}.l{number}".lstrip("."): (relative(tally), end if end >= 0 else None)
        for number, tally in enumerate(tallies)
    }


def _by_sequence(module: nn.RNNBase, state: Tensor, which: int) -> Tensor:
    """``(B, units)`` of an output (``which`` 0), ``(B, L·units)`` of a final state."""
    if state.dim() == 2:  # unbatched: (1, units), (L, units)
        return state.reshape(1, -1)
    if which == 0:
        return state[:, 0] if module.batch_first else state[0]
    return state.transpose(0, 1).flatten(1)


def _mask(module: nn.RNNBase, chosen: Tensor, state: Tensor, which: int) -> Tensor:
    """``(B,)`` so that it goes with ``state``."""
    if state.dim() == 2:
        return chosen[:, None]
    return chosen[:, None, None] if which == 0 and module.batch_first else chosen[None, :, None]
