"""Whether a view, in the place of a transposition, mixes the sequences of a batch."""

from collections import Counter

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import (
    LossTarget,
    RowTies,
    TurnedRound,
    batch_axes,
    convolved_mixed,
    data_mixed,
    loss_targets,
    states_mixed,
    steps_side_by_side,
    targets_turned,
    tensors_in,
    views_that_mix,
)
from backsight.probes.wiring import TurnedTies, data_regrouped, turned_to

__all__ = ["MixedRows"]


TURNED = " turned round"
"""Behind a shape, in the place of another one."""

WIDEST = 4
"""Numbers that a sequence is asked for."""

STRONG = 0.3
"""A squared correlation of targets and rows."""

SHAPES = 8
"""That are recorded by name: lengths may differ from batch to batch."""


class MixedRows(Measurement):
    """Views that exchange the sizes of two axes and leave the numbers where they are.

    Or what a layer made of sequences that were turned round, which is then turned round along the
    batch. Or targets that were flattened in another order than their predictions.

    Or rows that NumPy has reshaped: their targets go with the rows that the same numbers make in
    the other order of axes, and not with those that they are.

    Looked for in the graph of the loss, where a layer's calls tell steps from sequences, and in
    what the input of a layer, its initial states, or the indices of an embedding, are a view of.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     states, _ = rnn(torch.randn(20, 2, 3))
        ...     states.view(2, 20, 4)[:, -1].square().mean().backward()
        ...     optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run["mixed_rows"].tolist(), run["mixed_rows/20×2×4 as 2×20×4"].tolist()
        ([1.0], [1.0])
    """

    name = "mixed rows"
    signals = ("mixed_rows",)
    schedule = FIRST_AND_RARELY
    samples_cells = True

    def __init__(self) -> None:
        self._named: set[str] = set()
        """Shapes that are recorded by name."""
        self._as_given, self._otherwise = RowTies(), RowTies()
        """Of the rows as a layer has them, and of those that the same numbers make in the other
        order of axes: what was reshaped before it became a tensor is a view of nothing."""
        self._ties = TurnedTies()
        """Of single steps."""
        self._begin()

    def _begin(self) -> None:
        self._sizes: set[tuple[int, int]] = set()
        """Steps and sequences of calls."""
        self._cells: Counter[tuple[str, int]] = Counter()
        """By path and sequences, calls of a cell: a step each."""
        self._states: set[tuple[int, ...]] = set()
        self._data: list[tuple[Tensor, bool]] = []
        """What fused layers were given that has no graph, and whether rows come first."""
        self._regrouped: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        """Shapes of data that were viewed before such a layer, perhaps on purpose."""
        self._found: Counter[str] = Counter()
        self._looked = False
        self._reversed = TurnedRound()

    def on_iteration_begin(self, now: Iteration) -> None:
        """No layer has run."""
        self._begin()

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Note the sizes of a layer's call, and what it is given a view of."""
        if call.adapter is None:
            return
        x = now.input_of(call)
        if call.adapter.reading != "fused":
            if isinstance(x, Tensor) and x.dim() == 2:
                self._cells[call.path, x.shape[0]] += 1
            return
        if isinstance(x, PackedSequence):
            self._sizes.add((len(x.batch_sizes), int(x.batch_sizes[0])))
        elif x.dim() == 3:
            first, second = x.shape[:2]
            swapped = getattr(call.module, "batch_first", False)
            self._sizes.add((second, first) if swapped else (first, second))
            self._reversed.add(x, call.result[0], int(swapped))
            if x.grad_fn is None:
                self._note(data_mixed(x))
                if (shapes := data_regrouped(x)) is not None:
                    self._regrouped.append(shapes)
                self._data.append((x.detach(), swapped))
        self._states |= {tuple(s.shape) for s in tensors_in(call.result[1]) if s.dim() == 3}
        begun = call.inputs[1] if len(call.inputs) > 1 else call.named.get("hx")
        for state in tensors_in(begun):
            if state.grad_fn is None:
                self._note(states_mixed(state))

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at each view in the graph."""
        self._looked = True
        cells = {(steps, batch) for (_, batch), steps in self._cells.items()}
        if not self._sizes and not cells:
            cells = steps_side_by_side(passed.operations)
        axes = batch_axes([*self._sizes, *cells])
        for shape in self._reversed.across(passed.operations):
            self._found["×".join(map(str, shape)) + TURNED] += 1
        data = [x for x, _ in self._data]
        for shapes in views_that_mix(passed.operations, axes, [*self._states], data):
            self._note(shapes)
        for before, after in () if self._found else self._regrouped:
            if turned_to(passed.operations, before):
                self._note((before, after))
        if len(self._data) == 1:
            self._hold(*self._data[0], loss_targets(passed.operations))
        self._data = []
        sizes = {*self._sizes, *cells}
        turned = [one.target.numel() for one in targets_turned(passed.operations, sizes)]
        for targets in turned or [self._ties.add(passed.operations, sizes)]:
            if targets:
                self._found[f"{targets} targets"] += 1
        for _, node in passed.operations.those({"Embedding"}):
            self._note(data_mixed(node._saved_indices))  # type: ignore[attr-defined]

        for shapes in convolved_mixed(passed.operations):
            self._note(shapes)

    def on_iteration_end(self, now: Iteration) -> None:
        """Record how many there are."""
        if self._looked:
            now.record("mixed_rows", float(self._found.total()))
            for which, count in self._found.items():
                if which in self._named or len(self._named) < SHAPES:
                    self._named.add(which)
                    now.record(f"mixed_rows/{which}", float(count))

    def _hold(self, x: Tensor, rows_first: bool, targets: list[LossTarget]) -> None:
        """Whether the targets go with rows in the other order of axes alone."""
        first, second = x.shape[:2]
        batch, steps = (first, second) if rows_first else (second, first)
        fit = [one.target for one in targets if _one_each(one, batch)]
        if len(targets) != 1 or not fit or batch == steps or not x.is_floating_point():
            return
        turned = x.reshape(second, first, *x.shape[2:])
        for ties, rows in ((self._as_given, x), (self._otherwise, turned)):
            by_row = rows_first if rows is x else not rows_first
            ties.add(rows if by_row else rows.transpose(0, 1), fit[0])
        strong = max(STRONG, 2 * self._otherwise.chance)
        if self._otherwise.strongest >= strong and not self._as_given.tied:
            self._note((tuple(turned.shape), tuple(x.shape)))

    def _note(self, shapes: tuple[tuple[int, ...], tuple[int, ...]] | None) -> None:
        if shapes is not None:
            before, after = ("×".join(map(str, shape)) for shape in shapes)
            self._found[f"{before} as {after}"] += 1


def _one_each(given: LossTarget, batch: int) -> bool:
    """Whether a loss asks each sequence for one thing."""
    target = given.target
    return bool(target.dim()) and len(target) == batch and target[0].numel() <= WIDEST
