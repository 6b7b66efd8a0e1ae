"""Whether a loss reads the first step of a loop alone, or the last one behind padding."""

import torch
from torch import Tensor

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import (
    LossOperations,
    StepCalls,
    is_padding,
    loop_inputs,
    may_be_padded,
    one_step_alone,
    padding_of,
)

__all__ = ["FirstStep"]

LOOP = "loop"
"""The name of one that is no module."""

SHORTEST = 3
"""Steps, and sequences, of which padding can be told."""


class FirstStep(Measurement):
    """Loops over steps, of cells or of a user's own code, whose first state alone is in the loss.

    By module where its calls hand their state on. Of a loop that is no module (``loop``), where
    states are put side by side, and an index takes the one that was made first.
    ``loop_padding_read``, of a cell or of a loop that is no module: the last of its states alone is
    in the loss, and most sequences end in padding.

    Example:
        >>> import torch
        >>> import backsight
        >>> cell = torch.nn.GRUCell(3, 4)
        >>> optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)
        >>> with backsight.watch(cell, optimizer, "runs/mine", every=1):
        ...     state, states = torch.zeros(2, 4), []
        ...     for x in torch.randn(20, 2, 3):
        ...         state = cell(x, state)
        ...         states.insert(0, state)
        ...     states[-1].square().mean().backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["first_step_read/model"].tolist()
        [20.0]
    """

    name = "first step"
    signals = ("first_step_read", "loop_padding_read")
    schedule = FIRST_AND_RARELY
    samples_cells = True

    def __init__(self) -> None:
        self._calls = StepCalls()
        self._side_by_side: list[int] = []
        """Of each pass, the steps of a loop that is no module; 0 where more than one is read."""
        self._inputs: dict[str, list[Tensor]] = {}
        """By path of a cell, what each call was given."""
        self._padding: dict[str, float] = {}
        """By path, the share of padding before the only state that is read; 0 where there is none
        or others are read."""
        self._fused = False
        """Whether a fused layer has run: its kernel may leave the graph of such a loop."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """Nothing has run."""
        self._calls, self._side_by_side, self._fused = StepCalls(), [], False
        self._inputs, self._padding = {}, {}

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """See which call its state comes from."""
        if not torch.is_grad_enabled():
            return
        given = call.given
        if call.adapter is not None:
            self._fused |= call.adapter.reading == "fused"
            x = now.input_of(call)
            given = [one for one in given if one is not x]
            if call.adapter.reading == "stepped" and isinstance(x, Tensor) and x.dim() == 2:
                x = x.detach() if x.requires_grad else x
                self._inputs.setdefault(call.path, []).append(x)
        self._calls.add(call.path, given, call.returned)

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """See which calls the loss comes from, and what it takes of states side by side."""
        self._calls.reach(passed.operations)
        for path, inputs in self._inputs.items():
            share = _padding(inputs)
            if share and not self._calls.last_alone(path, passed.operations):
                taken = one_step_alone(passed.operations, last=True)
                share = share if taken == len(inputs) else 0.0
            self._padding[path] = max(share, self._padding.get(path, 0.0))
        steps = 0 if self._fused else one_step_alone(passed.operations)
        self._side_by_side.append(steps)
        if not self._fused and not self._inputs:
            share = _padding_of_loop(passed.operations)
            self._padding[LOOP] = max(share, self._padding.get(LOOP, 0.0))

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it by module."""
        for path, steps in self._calls.first_alone().items():
            now.record(f"first_step_read/{path or 'model'}", float(steps))
        if self._fused:
            self._padding.pop(LOOP, None)  # of another model's pass, before the layer ran
        for path, share in self._padding.items():
            now.record(f"loop_padding_read/{path or 'model'}", share)
        if self._side_by_side:
            now.record(f"first_step_read/{LOOP}", float(min(self._side_by_side)))
        self._calls = StepCalls()
        self._inputs = {}


def _padding_of_loop(made: LossOperations) -> float:
    """The same of a loop that is no module, if the last of its states alone is read."""
    steps = one_step_alone(made, last=True)
    read = loop_inputs(made) if steps else None
    if read is None or len(read) != steps or min(read.shape[:2]) < SHORTEST:
        return 0.0
    at_end, inside = padding_of(read.transpose(0, 1))
    return float(at_end.float().mean()) if is_padding(at_end, inside) else 0.0


def _padding(inputs: list[Tensor]) -> float:
    """The share of steps that are padding at the end of their sequences."""
    if len(inputs) < SHORTEST or len(inputs[0]) < SHORTEST:
        return 0.0
    shape = inputs[0].shape
    if any(x.shape != shape for x in inputs):
        return 0.0
    given = torch.stack(inputs, 1)
    if not may_be_padded(given):  # nearly always
        return 0.0
    at_end, inside = padding_of(given)
    return float(at_end.float().mean()) if is_padding(at_end, inside) else 0.0
