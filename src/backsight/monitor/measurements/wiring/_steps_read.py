"""Which steps a loss reads: whether they have seen the sequence, and whether padding counts."""

from collections import defaultdict
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.monitor.measurements.wiring._padded_loops import counts_errors, padded_in_turn
from backsight.monitor.measurements.wiring._padded_steps import SHORTEST, PaddedSteps
from backsight.probes import (
    ColumnTaken,
    LossTarget,
    StepsRead,
    averages_padding,
    averages_words,
    columns_taken,
    counts_all,
    errors_by_hand,
    filled_targets,
    hides_all_but,
    looks_around,
    loss_targets,
    padding_of,
    row_by_row,
    step_by_step,
)
from backsight.probes.loss import filled_numbers, note_answer

__all__ = ["StepsOfLoss"]

NEARLY = 0.95
"""Of all steps: some gradients underflow."""

LOSSES = 4
"""Terms of a loss whose targets are looked at."""

REVERSE, FORWARD, ONLY = 1.0, 2.0, 4.0
"""Which direction is read where it has seen one step, of two; their sum where both are; or the only
one."""


class StepsOfLoss(Measurement):
    """What the gradient on a fused layer's output tells of how the loss reads it.

    ``one_step_read``: a direction is read at the step where it begins, and nowhere else.
    ``padding_read``: the last step alone is read, and most sequences end in padding before it.
    Above 1 where all steps are read together for one answer a sequence, padding as well; above 2
    where nothing else is read; above 3 where both directions end, one behind it, and one that has
    begun in it.
    ``padding_packed``: the sequences were packed with the length of the padded batch, each.
    ``one_unit_read``, ``one_row_read``: an index takes one unit of several, or one sequence, and no
    gradient arrives at any other.
    ``padding_in_loss``: steps whose input is padding have targets, and these count. Negative where
    targets end in a filler, and no data are given at each step.

    Example:
        >>> import torch
        >>> import backsight
        >>> gru = torch.nn.GRU(3, 4, bidirectional=True)
        >>> optimizer = torch.optim.SGD(gru.parameters(), lr=0.1)
        >>> with backsight.watch(gru, optimizer, "runs/mine", every=1):
        ...     gru(torch.randn(20, 2, 3))[0][-1].square().mean().backward()
        ...     optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run["one_step_read/model"].tolist(), run["padding_read/model"].tolist()
        ([1.0], [0.0])
    """

    name = "steps of the loss"
    signals = (
        "one_row_read", "one_step_read", "one_unit_read", "padding_in_loss", "padding_packed",
        "padding_read",
    )  # fmt: skip
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._asked = False
        self._taken_before: dict[str, int] = {}
        """By path and axis, which one was read in the sample before."""
        self._begin()

    def _begin(self) -> None:
        self._calls: dict[str, list[tuple[StepsRead, PaddedSteps | None]]] = defaultdict(list)
        """By path."""
        self._compared: list[tuple[PaddedSteps, StepsRead | None, bool]] | None = None
        """What losses compare with their targets, and what of it carries a gradient."""
        self._filled = 0.0
        """Share of a filler in targets, where no data are given at each step."""
        self._turned = 0.0
        """2 and the share of padding, where an attention looks at that alone."""
        self._words = 0.0
        """1 and the share of padding, where a mean is taken over all that was embedded."""
        self._ends: list[PaddedSteps] = []
        """Of batches that were packed, the steps behind each sequence."""
        self._averaged = False
        """Whether a mean is taken over the steps of what was packed."""
        self._targets: list[LossTarget] = []
        """Of the first terms of the loss."""
        self._taken: list[ColumnTaken] = []
        """What an index takes near the loss."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No layer has run."""
        self._asked = False
        self._begin()

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Watch what a fused layer returned, and look for padding in what it was given."""
        if call.adapter is None or call.adapter.reading != "fused":
            return
        layer = cast(nn.RNNBase, call.module)
        read = StepsRead.of(layer, call.result, lambda: self._asked)
        if read is None:
            return
        x = now.input_of(call)
        padding = None
        if min(read.steps, read.batch) >= SHORTEST:
            if not isinstance(x, PackedSequence):
                padding = PaddedSteps.of(x, read, layer.batch_first)
            elif not read.full:
                self._ends.append(PaddedSteps.packed(x, read))
            else:
                whole = x.data.view(read.steps, read.batch, -1).transpose(0, 1)
                padding = PaddedSteps(*padding_of(whole, exact=x.data.grad_fn is None))
        self._calls[call.path].append((read, padding))

    def on_model_end(self, call: LayerCall, now: Iteration) -> None:
        """Note what it has answered."""
        for answer in call.returned:
            note_answer(answer)

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at the targets of each loss of PyTorch's, and of each error by hand."""
        self._asked = True
        terms = passed.terms
        if self._calls:
            self._taken += columns_taken(passed.operations)
            self._targets = [term.given for term in terms[:LOSSES]]
            self._averaged = self._averaged or any(
                averages_padding(passed.operations, read.steps, read.batch)
                for each in self._calls.values()
                for read, _ in each
                if read.packed and not read.full
            )
        given = [(p, read) for each in self._calls.values() for read, p in each if p is not None]
        if given and passed.operations.those({"Convolution"}):
            unsure = [read for p, read in given if not p.certain]
            smeared = ((PaddedSteps.convolved(passed.operations, read), read) for read in unsure)
            given += [(p, read) for p, read in smeared if p is not None]
        symbols = []
        for _, node in passed.operations.those({"Embedding"}):
            indices = node._saved_indices  # type: ignore[attr-defined]
            padding = PaddedSteps.embedded(indices, node._saved_padding_idx)  # type: ignore[attr-defined]
            if padding is None:
                continue
            symbols.append(padding)
            rows = padding.at_end.shape == indices.shape != indices.t().shape
            alone = rows and not self._calls and averages_words(passed.operations, indices)
            if alone and padding.certain:
                self._words = max(self._words, 1 + padding.share)
        for padding in [*symbols, *(one for one, _ in given)]:
            if looks_around(passed.operations) and padding.certain:
                hides = hides_all_but(passed.operations, padding.at_end)
                self._turned = max(self._turned, 2 + padding.share if hides else 0.0)
        losses = loss_targets(passed.operations)
        stepped = None if self._calls else padded_in_turn(passed.operations, losses)
        symbols += [] if stepped is None else [stepped]
        filled = filled_targets(passed.operations, terms) or filled_numbers(
            passed.operations, passed.roots
        )
        self._filled = max(self._filled, filled)
        loop = step_by_step(losses, passed.operations, terms)
        if loop is not None:
            padding = PaddedSteps.embedded(loop[1])
            if padding is not None and padding.certain:
                self._compared = self._compared or []
                if padding.counts_in(loop[0]):
                    self._compared.append((padding, None, padding.may_be_text(loop[0].target)))
        if not given and not symbols and not self._ends and not self._filled:
            return
        self._compared = self._compared or []
        sizes = {len(one.at_end) for one in [*symbols, *(one for one, _ in given)]}
        rows = [row_by_row(losses, terms, size) for size in sizes]
        for loss in [*losses, *(one for one in rows if one is not None)]:
            for padding, read in given:
                if padding.counts_in(loss):
                    self._compared.append((padding, read, padding.may_be_text(loss.target)))
            every = counts_all(loss, terms)
            errors = [one for one in symbols if counts_errors(loss, one, whole=False)]
            whole = symbols if every else errors
            whole = [*whole, *self._ends] if every or loss.reduction != "none" else whole
            for padding in whole:
                if padding.counts_in(loss):
                    self._compared.append((padding, None, padding.may_be_text(loss.target)))

        for error in errors_by_hand(passed.operations) if given or self._ends or symbols else ():
            every = counts_all(error, terms)
            ends = [*self._ends, *(p for p in symbols if counts_errors(error, p, whole=True))]
            ends = ends if every else []
            for padding, by in [*given, *((one, None) for one in ends)]:
                if padding.counts_in(error, by_hand=True):
                    self._compared.append((padding, by, False))

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """What arrives from now on is not the training's."""
        self._asked = False

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it, of each layer that a gradient arrived at."""
        calls, compared, taken = self._calls, self._compared, self._taken
        targets, filled, averaged = self._targets, self._filled, self._averaged
        each = [one for read in calls.values() for one in read if one[0].arrived]
        if self._turned and not any(_alone(*one) for one in each):
            now.record("padding_read/attention", self._turned)
        if self._words:
            now.record("padding_read/embedding", self._words)
        self._begin()
        self.each_layer(
            calls,
            lambda path, each: self._record(path or "model", each, targets, averaged, now),
        )
        self.each_layer(calls, lambda path, each: self._one_read(path or "model", each, taken, now))
        if compared is not None:
            counted = [(one.share, text) for one, read, text in compared if one.counts(read)]
            surely = max((share for share, text in counted if not text), default=0.0)
            perhaps = -max((1 + share for share, _ in counted), default=filled)
            now.record("padding_in_loss", surely or perhaps)

    def _one_read(
        self,
        name: str,
        calls: list[tuple[StepsRead, PaddedSteps | None]],
        taken: list[ColumnTaken],
        now: Iteration,
    ) -> None:
        """Of each axis, the one that is read, where it is the same as in the sample before."""
        reached = [read for read, _ in calls if read.arrived]
        if not reached:
            return
        for family, only in (("one_unit_read", _only_unit), ("one_row_read", _only_row)):
            found = {only(read, taken) for read in reached}
            one = found.pop() if len(found) == 1 else None
            key = f"{family}/{name}"
            before = self._taken_before.pop(key, None)
            if one is not None:
                self._taken_before[key] = one.place
            same = one is not None and before in (None, one.place)
            value = one.size if one is not None and same else 0
            direct = one is not None and not one.mixed and family == "one_unit_read"
            now.record(key, float(-value if direct else value))

    @staticmethod
    def _record(
        name: str,
        calls: list[tuple[StepsRead, PaddedSteps | None]],
        targets: list[LossTarget],
        averaged: bool,
        now: Iteration,
    ) -> None:
        for read, _ in calls:
            if read.failed:
                raise read.failed[0]
        reached = [one for one in calls if one[0].arrived]
        if not reached:
            return
        now.record(f"one_step_read/{name}", min(_begun(*one) for one in reached))
        behind = max(_behind(*one) for one in reached)
        if not behind and len(reached) == 1:
            behind = _alone(*reached[0])
        if not behind and len(reached) == 1 and _one_each(targets, reached[0][0]):
            behind = _together(*reached[0])
        if not behind and averaged and (packed := [read for read, _ in reached if read.packed]):
            behind = 1 + max(1 - float(one.lengths.float().mean()) / one.steps for one in packed)
        now.record(f"padding_read/{name}", behind)
        if any(read.packed for read, _ in reached):
            now.record(f"padding_packed/{name}", max(_packed(*one) for one in reached))


def _only_unit(read: StepsRead, taken: list[ColumnTaken]) -> ColumnTaken | None:
    """The one unit of several that is read, by an index."""
    if read.units is None or read.final_read or read.width < 2:
        return None
    return _only(read.units, taken)


def _only_row(read: StepsRead, taken: list[ColumnTaken]) -> ColumnTaken | None:
    """The one sequence of several that is read; the last one, at each step, is BKS408's."""
    if read.rows is None or min(read.steps, read.batch) < SHORTEST:
        return None
    one = _only(read.rows, taken)
    if one is None or one.place < read.batch - 1 or read.output is None:
        return one
    return None if int(read.output.any(0).any(1).sum()) > 1 else one


def _only(there: Tensor, taken: list[ColumnTaken]) -> ColumnTaken | None:
    if int(there.sum()) != 1:
        return None
    place = len(there), int(there.int().argmax())
    found = [one for one in taken if (one.size, one.place) == place]
    return max(found, key=lambda one: one.mixed) if found else None


def _begun(read: StepsRead, padding: PaddedSteps | None) -> float:
    """Which directions are read at the step where they begin, and at no other."""
    if read.steps < SHORTEST or read.final_read:
        return 0.0
    forward = read.read_at(0)
    begins = forward is not None and int(forward.max()) == 0
    if read.directions < 2:
        return ONLY if begins else 0.0
    reverse = read.read_at(1)
    value = FORWARD if begins else 0.0
    if reverse is not None and int(reverse.max()) >= 0:
        first = [read.lengths.to(reverse.device) - 1]
        if padding is not None and padding.certain:
            first.append(first[0] - padding.at_end.sum(1))
        if any(bool(((reverse == step) | (reverse < 0)).all()) for step in first):
            value += REVERSE
    return value


def _behind(read: StepsRead, padding: PaddedSteps | None) -> float:
    """Share of padding before the last step, where that alone is read; else 0."""
    if read.packed:
        return _beyond(read)
    if padding is None or not _last_alone(read):
        return 0.0
    if read.output is None and read.directions == 2:
        # The reverse half has read all of the sequence by then, but begins in its padding.
        final = read.final
        both = final is not None and bool(final.all()) and padding.certain
        return 3 + padding.share if both else 0.0
    return padding.share if padding.certain else 0.0


def _one_each(targets: list[LossTarget], read: StepsRead) -> bool:
    """Whether all targets are one of each sequence, or a few numbers."""
    shapes = {tuple(one.target.shape) for one in targets}
    if len(shapes) != 1:
        return False
    (shape,) = shapes
    few = len(shape) == 2 and shape[1] != read.steps and not targets[0].of_classes
    return (len(shape) == 1 or few) and shape[0] == read.batch


def _together(read: StepsRead, padding: PaddedSteps | None) -> float:
    """1 and the share of padding, where nearly all steps and nearly all of the padding are read."""
    if padding is None or read.packed or read.output is None or read.final_read:
        return 0.0
    if not padding.certain or read.steps == read.batch:
        return 0.0
    there = read.output.any(0).t()
    at_end = padding.at_end.to(there.device)
    if min(float(there[at_end].float().mean()), float(there[~at_end].float().mean())) < NEARLY:
        return 0.0
    return 1 + padding.share


def _alone(read: StepsRead, padding: PaddedSteps | None) -> float:
    """2 and the share of padding, where of rows that end in some, nothing else is read."""
    if padding is None or read.packed or read.output is None or read.final_read:
        return 0.0
    if not padding.certain or read.steps == read.batch:
        return 0.0
    there = read.output.any(0).t()
    at_end = padding.at_end.to(there.device)
    padded = at_end.any(1, keepdim=True)
    if bool(there[~at_end & padded].any()) or float(there[at_end].float().mean()) < NEARLY:
        return 0.0
    return 2 + padding.share


def _last_alone(read: StepsRead) -> bool:
    """Whether the forward half is read at the last step and at no other."""
    if read.output is None:
        return True  # the final state
    forward = read.read_at(0)
    if forward is None:
        return False
    return bool(((forward == read.steps - 1) | (forward < 0)).all() and (forward >= 0).any())


def _beyond(read: StepsRead) -> float:
    """Share of padding, where of sequences that are packed only the longest are read, at the last
    step of the padded output, in which the others have zeros."""
    if read.output is None or read.final_read or not _last_alone(read):
        return 0.0
    there = read.output.any(0).any(0)
    longest = read.lengths.to(there.device) == read.steps
    if not torch.equal(there, longest) or 2 * int(longest.sum()) > read.batch:
        return 0.0
    return 1 - float(read.lengths.sum()) / (read.steps * read.batch)


def _packed(read: StepsRead, padding: PaddedSteps | None) -> float:
    """Share of padding in what was packed as if it were whole, where the end of it is read."""
    if not read.packed or padding is None or not _last_alone(read):
        return 0.0
    return padding.share if padding.certain else 0.0
