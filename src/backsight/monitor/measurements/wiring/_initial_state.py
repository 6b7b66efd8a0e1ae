"""Where the initial state of a layer comes from."""

from collections import Counter, defaultdict
from typing import Any

import torch
from torch import Tensor

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall, looked_at
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import (
    LoopCarried,
    LoopStates,
    Window,
    data_behind,
    embedded_from,
    hangs_on_spent,
    is_asked,
    is_drawn,
    is_spent,
    last_targets,
    loop_begun,
    loss_targets,
    made_by,
    noise_spread,
    same_direction,
    tensors_in,
)

__all__ = ["InitialState"]

SEQUENCES = 4
"""Of a batch, whose final states are kept until the next iteration."""

GROWN = 1.2
"""Times as many operations as in the iteration before, from which on a graph has grown."""

DRAWN, BEGUN, GIVEN = 1.0, 2.0, 3.0
"""A layer's initial state is drawn; or the first input of one that begins in another's state; or
the state, but the whole model was given it, so that it may be meant."""

LARGE = 0.15
"""A standard deviation: that of states is seldom above 1, and less does little harm."""

WIDTH = 8
"""Units of a state of one's own: what is simulated (a plant that is steered) has fewer, and begins
anywhere."""

ROWS = 16
"""Sequences of several iterations that tell noise of any size."""

STARTS = 8
"""Iterations whose first inputs are looked at together: a single one may be a few numbers."""

ALIVE, SPENT = 1.0, 2.0
"""Of a state that an earlier iteration's graph hangs on: backward can go through it, or cannot."""


class InitialState(Measurement):
    """Initial states that are drawn, carried over from the iteration before, or not detached.

    The first input of a layer that begins in another one's state counts where it is drawn, and no
    model was given it.

    A state that is not detached is one of an iteration before, or of the same one where backward
    has run since: of windows whose gradients add up before a step.

    A state that is drawn counts whatever its size, from a deviation of 0.15 on; but not where it is
    all that a generator is given: a layer with an adversary, or without data. Of a module of one's
    own, a state is what its first call was given where its second is given what the first has made.
    Whether a state is carried over is told of iterations that follow
    each other. What makes a pass fail, because backward has freed the graph that a state hangs on,
    is recorded before it.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 16)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     for _ in range(3):
        ...         optimizer.zero_grad()
        ...         output, _ = rnn(torch.randn(20, 8, 3), torch.randn(1, 8, 16))
        ...         output.square().mean().backward()
        ...         optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run["state_drawn/model"].tolist(), run["state_carried/model"].tolist()
        ([1.0, 1.0], [0.0, 0.0])
    """

    name = "initial state"
    signals = ("state_attached", "state_carried", "state_drawn", "state_taught")
    schedule = FIRST_AND_RARELY
    samples_cells = True

    def __init__(self) -> None:
        self._last = -2
        """The iteration that was looked at before."""
        self._ends: dict[str, Tensor] = {}
        """By path, final states of a few sequences."""
        self._ended: dict[str, Tensor] = {}
        """Those of the iteration before."""
        self._read: dict[str, Tensor] = {}
        """By path of a cell, what it was given last in the iteration before."""
        self._windows: dict[str, Window] = {}
        """By path, which part of the data a layer was given."""
        self._asked: list[Tensor] = []
        """The targets of the last step in the iteration before, in either layout."""
        self._drawn: dict[str, float] = {}
        """By path, what tells one drawn state from the next."""
        self._noise: dict[str, list[Tensor]] = {}
        """By path, initial states of the iterations that were looked at before."""
        self._starts: dict[str, list[Tensor]] = {}
        """By path, first inputs that are no data, of layers that begin in another's state."""
        self._carried: dict[str, LoopCarried] = defaultdict(LoopCarried)
        """By path of a loop's module."""
        self._size = 0
        """Operations of the loss's graph, in the iteration before."""
        self._begin()

    def _begin(self) -> None:
        self._begun: set[str] = set()
        """Paths of layers that have run."""
        self._go_on = False
        """Whether the data that one of them was given go on from those of before."""
        self._loops = LoopStates()
        self._own: dict[str, Tensor] = {}
        """By path of a module of one's own, the state that it begins with."""
        self._returned: dict[str, list[Tensor]] = {}
        """What it has returned last."""
        self._turns: Counter[str] = Counter()  # its calls until the loss, from the second one on
        self._newest: dict[str, Tensor] = {}
        """By path, what a cell has returned last."""
        self._given_last: dict[str, Tensor] = {}
        """And what it was given for it."""
        self._sized: dict[str, Tensor] = {}
        """By path, states that are noise of some size of its own."""
        self._start: dict[str, Tensor] = {}
        """By path, such first inputs of this iteration."""
        self._sizes: set[tuple[int, int]] = set()
        """Steps and sequences of what they were given."""
        self._steps: Counter[tuple[str, int]] = Counter()
        """By path of a cell and sequences, its calls until the loss."""
        self._attached = 0.0
        self._made: set[int] = set()
        """When such states were made, in the order of operations."""
        self._passed = False
        self._at = -1
        """When the loss of the first pass was made, in the order of operations."""
        self._since: set[int] = set()
        """When states from before that pass were made, in which layers have begun after it."""
        self._taught: set[str] = set()
        """Paths of layers that begin in what another part of the model has made."""
        self._found: dict[str, tuple[float | None, float | None]] = {}
        """By path, whether its state was drawn, and whether it was carried."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """Nothing has run."""
        if now.number != self._last + 1:
            self._ends, self._windows, self._asked, self._size = {}, {}, [], 0
            self._carried.clear()
        self._last = now.number
        self._ended, self._ends = self._ends, {}
        self._begin()

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Look at the state that a layer's first call begins with, and at how it ends."""
        if not torch.is_grad_enabled():
            return
        if call.adapter is None:
            state = self._loops.add(call.path, call.given, call.returned)
            if state is not None and state.shape[-1] >= WIDTH:
                self._found[call.path] = self._is_drawn(call.path, state), None
                self._own[call.path] = state.detach()
            if call.path in self._own and not self._passed:
                self._turns[call.path] += 1
                self._returned[call.path] = [one.detach() for one in call.returned]
            return
        if call.path not in self._begun:
            self._begun.add(call.path)
            self._first(call, now)
        elif self._passed and not self._attached:
            state = next(tensors_in(call.inputs[1:] or call.named.get("hx")), None)
            made = None if state is None or state.grad_fn is None else state.grad_fn._sequence_nr()
            if (
                state is not None
                and made is not None
                and made < self._at
                and made_by(state, call.module.parameters())
            ):
                self._since.add(made)
        if looked_at(now.number + 1) and call.adapter.reading == "fused":
            final = next(tensors_in(call.result[1]), None)
            if final is not None and final.dim() == 3:
                self._ends[call.path] = final[:, :SEQUENCES].detach().clone()
        elif call.adapter.reading == "stepped" and looked_at(now.number + 1):
            final = call.returned[0] if call.returned else None
            if final is not None and final.dim() == 2:
                self._steps[call.path, final.shape[0]] += 1
                self._newest[call.path] = final.detach()
                x = now.input_of(call)
                data = data_behind(x) if isinstance(x, Tensor) else None
                if data is not None:
                    self._given_last[call.path] = data

    def on_model_end(self, call: LayerCall, now: Iteration) -> None:
        """A first input that the model was given is data; a decoder within it is given anything."""
        if self._sized and call.path in now.models:
            passed_in = {one.data_ptr() for one in tensors_in((call.inputs, call.named))}
            for path, state in self._sized.items():
                if path != call.path and state.data_ptr() in passed_in:
                    self._found[path] = GIVEN, self._found[path][1]
        if not self._start or call.path not in now.models:
            return
        given = [x for x in tensors_in((call.inputs, call.named)) if x.is_floating_point()]
        for path, start in list(self._start.items()):
            if any(bool(torch.isin(start, x.detach()).all()) for x in given):
                del self._start[path]
                self._starts.pop(path, None)

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Record at once what makes this pass fail."""
        if self._passed:
            if self._since and not self._attached and not _lacks(passed, self._since):
                self._attached = ALIVE
                now.record_each(["state_attached"], torch.tensor([ALIVE]))
            return
        self._passed = True
        made = [root.grad_fn for root in passed.roots if root.grad_fn is not None]
        self._at = max((node._sequence_nr() for node in made), default=-1)
        self._sizes |= {
            size for (_, rows), steps in self._steps.items() for size in ((steps, rows), (1, rows))
        }
        self._sizes |= {(1 + n, len(self._own[path])) for path, n in self._turns.items()}
        asked, self._asked = (
            self._asked,
            [
                last
                for given in loss_targets(passed.operations)
                for steps, batch in self._sizes
                for last in last_targets(given, steps, batch)
            ],
        )
        operations = passed.operations.named()
        before, self._size = self._size, len(operations)
        grown = bool(before) and self._size > GROWN * before
        if self._made and _lacks(passed, self._made):
            self._attached = 0.0
        if self._attached == ALIVE and not grown:
            self._attached = 0.0  # of this training's step: another optimizer's came in between
        elif not self._attached and grown and hangs_on_spent(passed.roots):
            self._attached = SPENT
        if self._attached:
            now.record_each(["state_attached"], torch.tensor([self._attached]))
        self._look_at_loops(passed, asked)  # last, as nothing can be read of a graph that is gone

    def _look_at_loops(self, passed: BackwardPass, asked: list[Tensor]) -> None:
        """How the states of loops without a layer of PyTorch's begin."""
        if not self._begun and not self._found:
            begun = loop_begun(passed.operations)
            if begun is not None and begun.shape[-1] >= WIDTH:
                carried = self._carried["loop"].look(passed.operations, begun)
                self._found["loop"] = self._is_drawn("loop", begun), carried
        for path, begun in ({} if self._begun else self._own).items():
            if (data := self._loops.data.get(path)) is not None:
                look, ended = self._carried[path].look, self._returned[path]
                carried = look(passed.operations, begun, data, ended)
                first = data.flatten(1) if data.dim() > 2 else data
                carried = carried and not any(is_asked(first, one) for one in asked)
                self._found[path] = self._found[path][0], carried

    def on_iteration_end(self, now: Iteration) -> None:
        """Record what the states were."""
        if self._passed and not self._attached:
            now.record("state_attached", 0.0)
        for path in self._taught:
            now.record(f"state_taught/{path or 'model'}", 1.0)
        for path, start in self._start.items():
            starts = self._starts.setdefault(path, [])
            starts.append(start)
            del starts[:-STARTS]
            if len(starts) > 1 and is_drawn(torch.cat(starts)) and not now.opposed:
                self._found[path] = BEGUN, 0.0
        for path, (drawn, carried) in self._found.items():
            name = path or "model"
            if drawn is not None:
                now.record(f"state_drawn/{name}", 0.0 if now.opposed else drawn)
            if carried is not None:
                now.record(f"state_carried/{name}", float(carried))
        self._ended = {}
        self._ends.update({path: state[:SEQUENCES].clone() for path, state in self._newest.items()})
        self._read, self._newest, self._given_last = self._given_last, {}, {}

    def _first(self, call: LayerCall, now: Iteration) -> None:
        given = call.inputs[1] if len(call.inputs) > 1 else call.named.get("hx")
        state = _telling(list(tensors_in(given)))
        follows = self._follows(call, now.input_of(call))
        if state is None:
            self._found[call.path] = 0.0, 0.0
        elif state.requires_grad:
            if state.grad_fn is not None and made_by(state, call.module.parameters()):
                self._attached = max(self._attached, SPENT if is_spent(state) else ALIVE)
                self._made.add(state.grad_fn._sequence_nr())
            elif state.grad_fn is not None:
                self._taught.add(call.path)
                self._begin_at(call, now)
            self._found[call.path] = 0.0, 0.0
        else:
            x = now.input_of(call)
            drawn = 0.0 if _is_nothing(x) else self._is_drawn(call.path, state)
            carried = None
            if call.path in self._ended and state.dim() in (2, 3):
                begins = state[:SEQUENCES] if state.dim() == 2 else state[:, :SEQUENCES]
                # Its own final state, or that of a decoder that has begun in this one's.
                ends = not follows and any(same_direction(begins, e) for e in self._ended.values())
                carried = float(ends)
                if carried and state.dim() == 2 and not self._is_other_data(call.path, x):
                    carried = None
            self._found[call.path] = drawn, carried

    def _begin_at(self, call: LayerCall, now: Iteration) -> None:
        """Keep what a decoder is given first."""
        x = now.input_of(call)
        if isinstance(x, Tensor) and x.is_floating_point() and not x.requires_grad:
            fused = x.dim() == 3
            steps = x.shape[1 if getattr(call.module, "batch_first", False) else 0] if fused else 1
            if steps == 1:
                self._start[call.path] = x.detach().reshape(-1)

    def _is_other_data(self, path: str, x: Any) -> bool:
        """Whether what a cell is given is no part of what it was given in the iteration before."""
        data = data_behind(x) if isinstance(x, Tensor) else None
        before = self._read.pop(path, None)
        if data is None or before is None:
            return False
        if any(is_asked(data, target) for target in self._asked):
            return False
        return before.untyped_storage().data_ptr() != data.untyped_storage().data_ptr()

    def _is_drawn(self, path: str, state: Tensor) -> float | None:
        """Whether it is, each time anew; None where it is the first one."""
        rows = state.detach() if state.dim() < 3 else state.detach()[:, 0]
        mark = float(rows.reshape(-1)[: rows.shape[-1]].sum())
        before = self._drawn.get(path)
        self._drawn[path] = mark
        if before == mark:
            self._noise.pop(path, None)
            return 0.0
        if is_drawn(state):
            return None if before is None else DRAWN
        states = self._noise.setdefault(path, [])
        if states and states[0].shape[-1] != state.shape[-1]:
            states.clear()
        states.append(state.detach().reshape(-1, state.shape[-1])[:ROWS].clone())
        del states[:-ROWS]
        enough = sum(map(len, states[1:])) >= ROWS or len(states) == ROWS
        if enough:
            del states[0]
        spread = noise_spread([state] if len(states[-1]) == ROWS else states)
        if spread < LARGE:
            return 0.0
        if before is None:
            return None
        self._sized[path] = state
        return DRAWN

    def _follows(self, call: LayerCall, x: Any) -> bool:
        """Whether the data go on from those of the iteration before, as far as can be told."""
        before = self._windows.pop(call.path, None)
        if not isinstance(x, Tensor) or x.dim() != 3:
            return False
        time = 1 if getattr(call.module, "batch_first", False) else 0
        steps, batch = x.shape[time], x.shape[1 - time]
        self._sizes.add((steps, batch))
        symbols = embedded_from(x, steps, batch)
        data = x.transpose(0, 1) if time == 0 else x
        data = (data if symbols is None else symbols).detach()
        window = Window(data, 1)
        if x.grad_fn is None or symbols is not None:
            self._windows[call.path] = window
        elif self._go_on:
            return True  # a layer below was given the data
        asked = any(is_asked(data[:, 0], target) for target in self._asked)
        follows = asked or (before is not None and window.follows(before))
        self._go_on |= follows
        return follows


def _lacks(passed: BackwardPass, made: set[int]) -> bool:
    """Whether a loss's graph holds none of what was made then: an agent's states, as it acts, hang
    on graphs that its loss knows nothing of."""
    numbers = {node._sequence_nr() for _, node in passed.operations.named()}
    return bool(numbers) and passed.operations.whole and made.isdisjoint(numbers)


def _telling(states: list[Tensor]) -> Tensor | None:
    """Of those of a layer, the first that has a graph, or is not zero: an LSTM has two."""
    attached = [state for state in states if state.requires_grad]
    there = attached or [state for state in states if bool(state.any())] or states
    return there[0] if there else None


def _is_nothing(x: Any) -> bool:
    """Whether a layer's input is one symbol, or one number, everywhere: there are no data."""
    if not isinstance(x, Tensor) or not x.numel():
        return False
    data = x
    if x.grad_fn is not None:
        batch, steps = x.shape[:2] if x.dim() == 3 else (len(x), 1)
        symbols = embedded_from(x, steps, batch)
        if symbols is None:
            return False
        data = symbols
    return bool((data.detach() == data.reshape(-1)[0]).all())
