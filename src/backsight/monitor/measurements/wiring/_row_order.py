"""Whether rows and their targets belong together: their order, and what equal rows ask for."""

from collections import deque
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.nn.utils.rnn import PackedSequence

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import SAMPLED_AND_LOOKED_AT, Measurement
from backsight.monitor.measurements.wiring._embedded_rows import embedded_in
from backsight.monitor.measurements.wiring._packed_rows import PackedRows
from backsight.monitor.measurements.wiring._row_targets import by_row, is_part
from backsight.monitor.measurements.wiring._rows_given import one_by_one
from backsight.probes import (
    LossOperations,
    LossTarget,
    LossTerm,
    RowAnswers,
    RowTies,
    asks_of_rows,
    data_entries,
    given_beside,
    keys_within,
    loop_inputs,
    loop_weights,
    padding_of,
    put_elsewhere,
    puts_back,
    row_keys,
    row_orders,
    rows_lost,
    rows_out_of_order,
    rows_sorted,
    sorted_apart,
    tensors_in,
)
from backsight.probes.wiring import joined_apart, put_back_alike, put_back_wrongly

__all__ = ["RowOrder"]

FEWEST, MOST = 8, 1 << 18
"""Rows of a batch; symbols of one, padded, that a model is given row by row."""

ENOUGH, NEWEST, NO_BETTER, BY_HEART = 256, 8, 0.95, 0.8
"""Different sequences that tell whether anything goes with their targets; the newest losses, of
which the mean is that of a constant answer, but for so much; and for so much once it was so, where
rows that come again are learned by heart."""

YES_OR_NO = ("BinaryCrossEntropy", "BinaryCrossEntropyWithLogits")


class RowOrder(Measurement):
    """Rows that are sorted for packing, and targets that are not.

    ``rows_out_of_order``: rows whose targets are another row's, because the padding of the targets
    tells so, because the targets are a part of the data that nothing has sorted, or because rows
    that were sorted have other targets each time. ``rows_sorted``: rows that are sorted between an
    embedding and the packing, and not put back; their targets have to be sorted alike.
    ``answers_unrelated``: targets of rows that were there before, if these rows agree no better
    than others; 0 where they do.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn, x = torch.nn.GRU(3, 4), torch.randn(5, 32, 3)
        >>> head = torch.nn.Linear(4, 2)
        >>> model = torch.nn.ModuleList([rnn, head])
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with backsight.watch(model, optimizer, "runs/mine", every=1):
        ...     for _ in range(6):
        ...         logits = head(rnn(x)[1][0])
        ...         target = torch.arange(32) % 2  # of x, and always the same
        ...         torch.nn.functional.cross_entropy(logits, target).backward()
        ...         optimizer.step()
        >>> backsight.Run("runs/mine")["answers_unrelated"].tolist()
        [0.0, 0.0, 0.0, 0.0, 0.0]
    """

    name = "order of rows"
    signals = ("answers_unrelated", "answers_untied", "rows_out_of_order", "rows_sorted")
    schedule = SAMPLED_AND_LOOKED_AT
    samples_cells = True

    def __init__(self) -> None:
        self._by_hand = False
        """Whether rows have been sorted by hand: then samples are of use, as rows have to come
        again; or where some have, and too few to tell."""
        self._untied = False
        """Whether more sequences would tell if anything goes with their targets."""
        self._answers: dict[tuple[str, int], RowAnswers] = {}
        """By loss, and by its place among the losses."""
        self._loose: set[tuple[str, int]] = set()
        """Of these, where nothing goes with the targets so far."""
        self._ties: dict[tuple[str, int], tuple[RowTies, deque[tuple[float, float]]]] = {}
        """The same; with the newest losses of a target."""
        self._begin()

    def _begin(self) -> None:
        self._rows: list[Tensor | None] = []
        """What layers are given that are given data, rows first; None where there are no rows."""
        self._packed: list[PackedRows] = []
        self._weights: list[Tensor] = []
        """Of a loop that is no layer."""
        self._called = False
        """Whether a layer has run since the last pass."""
        self._given: list[Tensor] = []
        """What models were given, without a graph."""
        self._beside: list[Tensor] = []
        """What models return and keep beside their answers."""
        self._stateful = False
        """Whether a layer begins with something that is known of a row beside its input."""
        self._found: dict[str, float] = {}

    def on_iteration_begin(self, now: Iteration) -> None:
        """No layer has run."""
        self._begin()

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Look at the rows that a layer is given."""
        if call.adapter is None or not torch.is_grad_enabled() or not self._looks(now):
            return
        self._called = True
        x = now.input_of(call)
        fused = call.adapter.reading == "fused"
        if isinstance(x, PackedSequence):
            self._packed.append(PackedRows(x))
            self._by_hand |= self._packed[-1].by_hand
            x = torch.nn.utils.rnn.pad_packed_sequence(x, batch_first=True)[0]
            batch = 0
        elif not isinstance(x, Tensor):
            return
        else:
            batch = 1 if fused and not getattr(call.module, "batch_first", False) else 0
        given = call.inputs[1] if len(call.inputs) > 1 else call.named.get("hx")
        self._stateful = self._stateful or _is_data(given)
        if not x.requires_grad:
            whole = x.dim() == 3 if fused else x.dim() > 1
            rows = x.detach() if whole else None
            self._rows.append(rows.transpose(0, 1) if rows is not None and batch else rows)

    def _looks(self, now: Iteration) -> bool:
        answers = self._answers.values()
        return now.looked or self._by_hand or self._untied or any(one.open for one in answers)

    def on_model_end(self, call: LayerCall, now: Iteration) -> None:
        """Keep what the model was given, and what it may tell of an order."""
        if self._packed and torch.is_grad_enabled():
            given = [*tensors_in((call.inputs, call.named))]
            self._given += [x.detach() for x in given if x.grad_fn is None and x.dim() > 1]
            for each in one_by_one(given):
                if len(each) == self._packed[-1].batch and len(each) * max(map(len, each)) <= MOST:
                    self._given.append(torch.nn.utils.rnn.pad_sequence(each, batch_first=True))
            held = [*tensors_in(call.result), *tensors_in(tuple(vars(call.module).values()))]
            self._beside += [x for x in held if x.dim() == 1 and not x.is_floating_point()]

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Hold rows against targets."""
        known = self._called or self._reads_by_hand(passed, now) or self._reads_rows(passed, now)
        if not known:
            return  # another pass through the same calls
        made = passed.operations
        if not (self._rows or self._packed or self._weights or made.those({"Embedding"})):
            self._reads_convolved(made)  # in front of the layers
        self._look(passed, now)
        for one in self._packed:
            if one.by_hand and (lost := rows_lost(passed.operations, one.batch)):
                self._note("rows_out_of_order", lost)
        found = self._found
        self._begin()  # the next pass of the iteration has other rows
        self._found = found

    def _reads_by_hand(self, passed: BackwardPass, now: Iteration) -> bool:
        """Whether a loop that is no layer is given numbers, step by step."""
        if now.layers or not self._looks(now):
            return False
        read = loop_inputs(passed.operations)
        if read is None or not read.is_floating_point():
            return False
        self._rows.append(read.movedim(1, 0))
        self._weights = loop_weights(passed.operations)
        return True

    def _reads_rows(self, passed: BackwardPass, now: Iteration) -> bool:
        """Whether a model without a recurrent layer is given whole sequences."""
        if now.layers or not self._looks(now):
            return False
        made = passed.operations
        if made.those({"Embedding"}):
            each = [x for x, _ in embedded_in(made)]
            return any(x.dim() == 2 and min(x.shape) >= FEWEST for x in each)
        return self._reads_convolved(made)

    def _reads_convolved(self, made: LossOperations) -> bool:
        """Whether whole sequences are what a model's only convolution of data is given."""
        given = [entry.data for entry in data_entries(made)]
        if len(given) != 1 or given[0].dim() != 3 or min(len(given[0]), given[0].shape[2]) < FEWEST:
            return False
        self._rows.append(given[0].detach().transpose(1, 2))
        return True

    def _look(self, passed: BackwardPass, now: Iteration) -> None:
        made, terms = passed.operations, passed.terms
        embedded = [x for x, _ in embedded_in(made)]
        for number, term in enumerate(terms[:FEWEST]):
            batch = self._batch_of(term.given, embedded)
            if batch < FEWEST:
                continue
            orders = row_orders(made, batch)
            by_hand = [one for one in orders if not self._own(one[1])]
            if not by_hand:
                self._look_at_lengths(made, term.given, batch, embedded)
            self._look_within(made, term.given, batch, by_hand, alone=len(terms) == 1)
            if wrongly := put_back_wrongly(made, by_hand):
                self._note("rows_out_of_order", wrongly)
                continue
            indexed = self._packed_by_hand and by_hand and not put_elsewhere(made, batch)
            if indexed and joined_apart(made, by_hand, batch):
                self._note("rows_out_of_order", batch)
                continue
            rows = 0 if len(by_hand) != len(orders) else rows_sorted(made, by_hand)
            order = by_hand[0][1] if rows and not self._rows else None
            whole = term.factor is not None and term.weights is None
            plain = whole and not self._stateful and by_row(term.given, batch)
            agree = None
            if plain and not orders and not self._packed:
                self._tie(number, term, batch, embedded)
            sure = self._called or self._weights or term.given.of_classes
            if plain and sure and (order is not None or not by_hand):
                beside = given_beside(made, now.layers.values(), batch, self._weights)
                agree = None if beside else self._agree(number, term.given, batch, embedded, order)
            if agree is False or (rows and is_part(term.given, batch)):
                self._note("rows_out_of_order", batch)
            elif agree:
                self._note("rows_out_of_order", 0)
            elif rows or (self._packed and self._in_place(orders)):
                self._note("rows_sorted", rows)

    def on_iteration_end(self, now: Iteration) -> None:
        """Record what was found."""
        for name, value in self._found.items():
            now.record(name, value)
        self._begin()

    def _look_within(
        self,
        made: LossOperations,
        given: LossTarget,
        batch: int,
        orders: list[tuple[Node, Tensor]],
        *,
        alone: bool,
    ) -> None:
        """Whether a model that sorts its rows puts them back, and whether two batches are pairs."""
        packed = [one for one in self._packed if one.by_hand]
        if not packed or len(packed) != len(self._packed):
            return
        if not by_row(given, batch) and not asks_of_rows(given, self._given, batch):
            return
        if not orders and put_elsewhere(made, batch):
            return
        if len(packed) == 2 and alone and (not orders or put_back_alike(made, orders)):
            first, second = (one.lengths for one in packed)
            if sorted_apart(first, second):
                self._note("rows_out_of_order", batch)
            return
        nodes = [node for _, node in made.those({"PackPaddedSequence"})]
        begun = max((node._sequence_nr() for node in nodes), default=-1)
        if len(packed) > 1 or any(node._sequence_nr() < begun for node, _ in orders):
            return
        rows = [x for x in self._rows if x is not None]
        rows += [x for x, at in embedded_in(made) if at < begun]
        for x in rows if len(rows) == 1 else ():
            packed_rows = x if len(x) == batch else x.t() if x.dim() == 2 else x
            for one in self._given:
                keys = keys_within(one, packed_rows)
                back = None if keys is None else puts_back(*keys, orders, self._beside)
                if back and orders:
                    known = {nodes[0]: orders[0][1].argsort()}
                    back = put_elsewhere(made, batch) or not joined_apart(
                        made, orders, batch, known
                    )
                if back is not None:
                    self._note("rows_out_of_order", 0 if back else batch)
                    return

    @property
    def _packed_by_hand(self) -> bool:
        """Whether whoever packed had sorted the rows, each time."""
        return bool(self._packed) and all(one.by_hand for one in self._packed)

    def _in_place(self, orders: list[tuple[Node, Tensor]]) -> bool:
        """Whether rows are known to be where they were: PyTorch itself has sorted them, or what
        was sorted by hand is put back. Else nobody knows who has sorted them, and what beside."""
        return len(orders) > 1 or not any(one.by_hand for one in self._packed)

    def _note(self, name: str, value: float) -> None:
        self._found[name] = max(float(value), self._found.get(name, 0.0))

    def _own(self, order: Tensor) -> bool:
        """Whether it is the order that PyTorch itself sorts a packed batch by, or sorts it back."""
        return any(one.sorts(order) for one in self._packed)

    def _batch_of(self, given: LossTarget, embedded: list[Tensor]) -> int:
        """Rows, as the layers have them."""
        sizes = {one.batch for one in self._packed}
        sizes |= {len(x) for x in self._rows if x is not None}
        if not sizes:  # an embedding's: one of its axes
            target = given.target
            sizes = {
                size
                for indices in embedded
                for size in indices.shape
                if target.dim() and size == len(target)
            }
        return sizes.pop() if len(sizes) == 1 else 0

    def _look_at_lengths(
        self, made: LossOperations, given: LossTarget, batch: int, embedded: list[Tensor]
    ) -> None:
        """Whether the targets of each step end where their row ends."""
        target = given.target.squeeze()  # (N, 1, T) of cross-entropies along a last axis
        if target.numel() % batch or target.numel() < 3 * batch or target.dim() > 2:
            return
        steps = target.numel() // batch
        lengths = [one.lengths for one in self._packed if one.by_hand]
        for indices in embedded:
            if indices.dim() == 2 and batch in indices.shape and len(set(indices.shape)) == 2:
                symbols = indices if len(indices) == batch else indices.t()
                lengths.append(symbols.shape[1] - padding_of(symbols)[0].sum(1))
        rows = [target.reshape(batch, steps), target.reshape(steps, batch).t()]
        if target.dim() == 2 and batch != steps:
            rows = rows[:1] if len(target) == batch else rows[1:]
        counts = [[rows_out_of_order(one, asked) for asked in rows] for one in lengths]
        known = [[n for n in each if n is not None] for each in counts]
        if not any(known):
            return
        found = max(min(each) for each in known if each)  # in one of the layouts, all is well
        self._note("rows_out_of_order", 0 if found and put_elsewhere(made, batch) else found)

    def _agree(
        self,
        number: int,
        given: LossTarget,
        batch: int,
        embedded: list[Tensor],
        order: Tensor | None,
    ) -> bool | None:
        """Whether rows that were sorted by hand are asked for what they were asked for before.

        None of rows that were not sorted: what is found there is noted as such.
        """
        keys = self._keys(batch, embedded)
        if keys is None:
            return None
        answers = self._answers.setdefault((given.loss, number), RowAnswers())
        answers.add((keys if order is None else keys[order]).tolist(), given.target)
        unrelated = answers.unrelated
        if unrelated is None or any(one.by_hand for one in self._packed):
            return None if unrelated is None else not unrelated
        self._note("answers_unrelated", answers.repeats if unrelated else 0)
        return None

    def _tie(self, number: int, term: LossTerm, batch: int, embedded: list[Tensor]) -> None:
        """Whether what single steps show goes with the targets, where nothing is learned."""
        rows = [x for x in self._rows if x is not None] or [
            x if len(x) == batch else x.t() for x in embedded if x.dim() == 2
        ]
        if len(rows) != 1 or len(rows[0]) != batch or len(rows) < len(embedded):
            return
        ties, losses = self._ties.setdefault((term.given.loss, number), (RowTies(), deque()))
        target, squared = term.given.target, term.given.loss == "MseLoss"
        ties.add(rows[0], target)
        by_guess = term.given.of_classes or squared or term.given.loss in YES_OR_NO
        self._untied = by_guess and not ties.full
        if by_guess and term.elements:
            # Of the same targets: how far these vary from batch to batch tells nothing.
            guess = ties.guess_of(target, squared=squared)
            losses.append((term.value / term.elements, guess))
        if not by_guess or ties.rows < ENOUGH:
            return
        while len(losses) > NEWEST:
            losses.popleft()
        guess = sum(guess for _, guess in losses)
        least = BY_HEART if (term.given.loss, number) in self._loose else NO_BETTER
        untied = sum(loss for loss, _ in losses) >= least * guess > 0 and not ties.tied
        (self._loose.add if untied else self._loose.discard)((term.given.loss, number))
        self._untied = untied and not ties.full
        self._note("answers_untied", ties.rows * untied)

    def _keys(self, batch: int, embedded: list[Tensor]) -> Tensor | None:
        """One of each row, from all that is known of it."""
        if any(x is None or len(x) != batch for x in self._rows):
            return None
        found = [row_keys(x) for x in self._rows if x is not None]
        for indices in embedded:
            if indices.dim() > 1 and len(set(indices.shape[:2])) < 2:
                return None
            axis = next((a for a, size in enumerate(indices.shape[:2]) if size == batch), None)
            found.append(None if axis is None else row_keys(indices.movedim(axis, 0)))
        key: Tensor | None = None
        for one in found:
            if one is None or len(one) != batch:
                return None
            key = one if key is None else key * 0x5851F42D4C957F2D + one
        return key


def _is_data(state: Any) -> bool:
    """Whether an initial state may say something of its row."""
    return any(one.is_leaf and bool(one.any()) for one in tensors_in(state))
