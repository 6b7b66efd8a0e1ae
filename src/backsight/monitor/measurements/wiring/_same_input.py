"""Whether a model is given the same batch again and again, or the same sequence in each row."""

from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import LookedAtAndAsked, Measurement
from backsight.probes import data_entries, embedded_from, on_host, some_elements

__all__ = ["SameInput"]

LOOKED_AT = 4096
"""Numbers of an input, evenly spaced, that tell it from another."""

NEAR = 0.25
"""Of how a batch varies: what is added to the same one again and again, such as noise, is less; two
batches differ by about 1.4 of it."""

CYCLE = 5
"""Batches that come in turn: of more, none comes again in the first looks."""

FEWEST = 3
"""Rows and steps of a batch whose rows are compared with each other."""

LEAST = 64
"""Numbers that tell whether they are nearly the same."""

TOGETHER = 64
"""Steps of a loop that are read at once."""

ENTRIES = 64
"""Places where data enter that are looked at."""

READABLE = {
    *(torch.float64, torch.float32, torch.float16, torch.bool),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
}
"""By NumPy."""

ONE_BATCH = 6
"""Looks in a row at the same batch, from the first on: then samples are looked at as well."""

Content = tuple[tuple[int, ...], float, float]


class SameInput(Measurement):
    """Whether the data of an iteration are those of the look before, or of a few that take turns.

    Data are what a recurrent layer is given, where it carries no gradient, and the indices that an
    embedding in the graph of the loss is called with; a constant, such as what a decoder begins
    with, is none. Where no recurrent layer is given any, they
    are what linear layers and convolutions are given, and the targets of the loss as well: a grid
    of positions alone is the same for each batch.
    Data that noise is added to are the same if all targets are, and they themselves nearly.
    Where the first looks have found one batch alone, sampled iterations are looked at as well: it
    may come for a while, and then another.
    ``steps_alike``: the steps of a sequence, where every step is the same and rows differ, as far
    as fused layers without an initial state are given data; 0 where any two steps differ, and where
    the loss depends on parameters of another model as well.
    ``rows_alike``: every row of these data is the same sequence, as far as fused layers without an
    initial state are given any; a sequence that is one number or symbol throughout is none.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn, x = torch.nn.RNN(3, 4), torch.randn(20, 2, 3)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     for _ in range(3):
        ...         rnn(x)[0].square().mean().backward()
        ...         optimizer.step()
        >>> backsight.Run("runs/mine")["same_input"].tolist()
        [1.0, 1.0]
    """

    name = "same input"
    signals = ("rows_alike", "same_input", "steps_alike")
    samples_cells = True

    def __init__(self) -> None:
        self._begins = 0
        """Looks in a row, from the first on, at the batch of before."""
        self._asked: list[bool] = []
        self.schedule = LookedAtAndAsked(1, self._asked)
        self._before: list[Content] | None = None
        self._batches: list[list[Content]] = []
        """Those of all looks, as long as they are a few."""
        self._now: list[Content] = []
        self._steps: list[Tensor] = []
        """Copies of what a loop was given step by step, which are still to be told from others."""
        self._targets: list[Content] = []
        """Of the loss."""
        self._first: Tensor | None = None
        """Some numbers of what the first call of a layer was given."""
        self._last: tuple[list[Content], Tensor] | None = None
        """The targets and these numbers, of the look before."""
        self._kind: tuple[torch.Size, torch.dtype, torch.device] | None = None
        """Their common one."""
        self._alike: list[int] = []
        """Of each call of a layer, how many rows are alike; 0 where they differ."""
        self._still: list[int] = []
        """The same of steps."""
        self._passed = False

    def on_iteration_begin(self, now: Iteration) -> None:
        """Nothing has been seen."""
        self._now, self._passed = [], False
        self._alike, self._still = [], []
        self._steps, self._kind = [], None
        self._targets, self._first = [], None

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Look at what a recurrent layer was given."""
        if call.adapter is None or not torch.is_grad_enabled():
            return
        x = now.input_of(call)
        data = x.data if isinstance(x, PackedSequence) else x
        if not data.requires_grad:
            self._add(data)
            if self._first is None and data.is_floating_point() and data.dim() == 3:
                self._first = some_elements(data, torch.float32)
        if call.adapter.reading != "fused":
            return
        state = call.inputs[1] if len(call.inputs) > 1 else call.named.get("hx")
        if isinstance(x, Tensor) and x.dim() == 3:
            first = getattr(call.module, "batch_first", False)
            rows = _rows_of(x if first else x.transpose(0, 1))
            if rows is not None:
                self._alike.append(_alike(rows) if state is None else 0)
                self._still.append(_still(rows) if state is None else 0)

    def _add(self, data: Tensor) -> None:
        """What a call was given; small ones of a kind are looked at together."""
        kind = data.shape, data.dtype, data.device
        if kind != self._kind or len(self._steps) == TOGETHER:
            self._put_together()
            if data.numel() > LOOKED_AT or data.dtype not in READABLE or not on_host(data):
                if _varies(data):
                    self._now.append(_content(data))
                return
            self._kind = kind
        self._steps.append(data.clone())

    def _put_together(self) -> None:
        if self._steps:
            steps = torch.stack(self._steps)
            if steps.numel() == 1 or _varies(steps):
                self._now.append(_exactly(steps))
        self._steps, self._kind = [], None

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at what embeddings were given."""
        self._put_together()
        first, self._passed = not self._passed, True
        if self._still and all(self._still):
            owned = set(map(id, now.parameters.values()))
            given = (p for p in passed.operations.leaves() if isinstance(p, nn.Parameter))
            if not owned.issuperset(map(id, given)):  # a generator's noise, for a judge
                self._still = [0]
        if first and not self._now:
            self._look_at_entries(passed)
        elif first and self._first is not None:
            self._targets = [_content(term.given.target) for term in passed.terms[:ENTRIES]]
        for _, node in passed.operations.those({"Embedding"}):
            self._now.append(_content(node._saved_indices))  # type: ignore[attr-defined]

    def _look_at_entries(self, passed: BackwardPass) -> None:
        """Data that come to a linear layer or a convolution first; a constant tells nothing."""
        found = list(islice(data_entries(passed.operations), ENTRIES))
        told = [_content(one.data) for one in found if _varies(one.data)]
        if told:
            targets = [term.given.target for term in passed.terms[:ENTRIES]]
            self._now += [*told, *map(_content, targets)]

    def on_iteration_end(self, now: Iteration) -> None:
        """Record whether it is the same."""
        self._put_together()  # of calls since the last pass
        if not self._now or not self._passed:
            return
        if self._alike:
            now.record("rows_alike", float(min(self._alike)))
            now.record("steps_alike", float(min(self._still)))
        if self._before is not None:
            again = float(self._again() or self._is_near())
            now.record("same_input", again)
            self._begins = self._begins + 1 if again == 1 and self._begins >= 0 else -1
            if self._begins == ONE_BATCH:
                self._asked.append(True)
        self._before = self._now
        if self._now not in self._batches and len(self._batches) <= CYCLE:
            self._batches.append(self._now)
        self._last = None
        if self._first is not None and self._targets:
            self._last = self._targets, self._first

    def _again(self) -> int:
        """1 where it is the batch of before; of a few that come in turn, how many they are."""
        if len(self._batches) <= CYCLE and self._now in self._batches:
            return len(self._batches)
        return int(self._now == self._before)

    def _is_near(self) -> bool:
        """Whether targets are those of the look before, and what a layer was given is nearly."""
        if self._last is None or self._first is None or self._targets != self._last[0]:
            return False
        before, here = self._last[1], self._first
        if before.shape != here.shape or before.numel() < LEAST:
            return False
        return bool((here - before).std() < NEAR * before.std())


def _rows_of(x: Tensor) -> Tensor | None:
    """``(B, T, …)``: data, or the symbols that they were embedded from."""
    if x.grad_fn is not None:
        return embedded_from(x, x.shape[1], x.shape[0])
    return None if x.requires_grad else x


@torch.no_grad()
def _varies(data: Tensor) -> bool:
    return data.numel() > 1 and bool((data != data.reshape(-1)[0]).any())


@torch.no_grad()
def _alike(rows: Tensor) -> int:
    """How many there are, where all are the same; two of them tell nearly always."""
    if min(rows.shape[:2]) < FEWEST or not torch.equal(rows[1], rows[0]):
        return 0
    varies = bool((rows[0, 1:] != rows[0, :1]).any())
    return len(rows) if varies and bool((rows == rows[:1]).all()) else 0


@torch.no_grad()
def _still(rows: Tensor) -> int:
    """How many steps there are, where all are the same and rows are not; two of a row tell nearly
    always."""
    if min(rows.shape[:2]) < FEWEST or not torch.equal(rows[0, 1], rows[0, 0]):
        return 0
    alike = bool((rows == rows[:, :1]).all())
    return rows.shape[1] if alike and bool((rows[1:] != rows[:1]).any()) else 0


def _exactly(data: Tensor) -> Content:
    return tuple(data.shape), hash(data.numpy().tobytes()), 0.0


@torch.no_grad()
def _content(data: Tensor) -> Content:
    """What is something else once many numbers are others, or stand in other places."""
    data = data.detach()
    if data.numel() <= LOOKED_AT and data.dtype in READABLE and on_host(data):
        return _exactly(data.clone())  # NumPy forbids a storage that it sees to be resized
    flat = data.reshape(-1)
    flat = flat[:: max(1, len(flat) // LOOKED_AT)].double()
    places = torch.arange(1, len(flat) + 1, dtype=torch.float64, device=flat.device)
    return tuple(data.shape), float(flat.sum()), float((flat * places.sqrt()).sum())
