"""Whether the axis that a layer takes for the batch is time."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import (
    FIRST_AND_RARELY,
    LookedAtAndAsked,
    Measurement,
)
from backsight.probes import (
    LossOperations,
    LossTarget,
    attends_across,
    batch_axes,
    depends_across,
    embedded_from,
    errors_by_hand,
    loop_inputs,
    loss_targets,
    moves_across,
    padded_across,
    smooth_across,
    softmax_across,
    symbols_of,
    tensors_in,
)
from backsight.probes.wiring import (
    SameRows,
    batches_depend_across,
    pooled_across,
    sums_across,
)

__all__ = ["AxisOfTime"]

PADDING, NEXT, SMOOTH, NEIGHBOUR, ATTENTION, SOFTMAX, POOLED = 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0
"""What tells."""

LOOKS = 4
"""Of which the targets are asked what they depend on, which takes the longest: it is a matter of
how a training is put together, and what all of them have told stands."""

LOOP = "loop"
"""The name of a loop of one's own, which is looked at where no fused layer runs."""


class AxisOfTime(Measurement):
    """What the data of a fused layer tell of its axes: ``batch_first`` is easily forgotten.

    1 where sequences end in padding along the axis that the layer takes for the batch, 2 where the
    target of each step is the next input along it, 3 where curves run along it, of the input or of
    the targets, 4 where targets depend on an input near theirs along it; 0 otherwise. Where no such
    layer runs, all of it but curves of the input is told of a loop of one's own as well. 5 of
    attentions that run over the batch, and 6 of a softmax that does; both by these names. 7 where
    sequences are pooled for one answer of each step, and the steps are rows of a data set, which
    come again in another order.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(9, 9)  # without batch_first
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     text = torch.randint(9, (16, 31))  # 16 sequences
        ...     z = rnn(torch.nn.functional.one_hot(text[:, :-1], 9).float())[0]
        ...     loss = torch.nn.functional.cross_entropy(z.flatten(0, 1), text[:, 1:].flatten())
        ...     loss.backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["time_across/model"].tolist()
        [2.0]
    """

    name = "axis of time"
    signals = ("time_across",)
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._wanted: list[bool] = []
        """In sampled iterations, while rows are waited for that come again."""
        self.schedule = LookedAtAndAsked(1, self._wanted)
        self._calls: dict[str, list[_Call]] = {}
        self._found: dict[str, float] = {}
        self._depend: dict[str, list[bool]] = {}
        """By layer, whether targets depend on an input near theirs along the batch, of the first
        looks."""
        self._batches: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {}
        """By layer, the symbols and the targets of these, until that is settled."""
        self._rows: dict[str, SameRows] = {}
        """By layer, what it takes for steps, where its sequences are pooled at each of them."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No layer has run."""
        self._calls, self._found = {}, {}

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """Keep what a fused layer was given."""
        if call.adapter is None or call.adapter.reading != "fused" or not torch.is_grad_enabled():
            return
        x = now.input_of(call)
        if isinstance(x, PackedSequence) or not isinstance(x, Tensor) or x.dim() != 3:
            return
        one = _Call(tuple(x.shape[:2]), int(bool(getattr(call.module, "batch_first", False))))
        steps, batch = x.shape[one.time], x.shape[1 - one.time]
        symbols = embedded_from(x, steps, batch)
        if symbols is not None:
            one.given = symbols.t()
        elif x.grad_fn is None:
            one.given = one.as_taken(x.detach())
        self._calls.setdefault(call.path or "model", []).append(one)

    def on_model_end(self, call: LayerCall, now: Iteration) -> None:
        """What a model was given is what its layer is given, if it has the same two axes."""
        given = [x for x in tensors_in((call.inputs, call.named)) if x.grad_fn is None]
        for one in (one for calls in self._calls.values() for one in calls if one.given is None):
            alike = [x for x in given if x.dim() in (2, 3) and tuple(x.shape[:2]) == one.axes]
            if len(alike) == 1 and one.axes[0] != one.axes[1]:
                one.given = one.as_taken(alike[0].detach())

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Hold inputs against targets, and against themselves."""
        calls, self._calls = self._calls, {}
        made = passed.operations
        sizes = [one.sizes for each in calls.values() for one in each]
        if softmax_across(made, batch_axes(sizes)):
            self._found["softmax"] = SOFTMAX
        if attends_across(made, loss_targets(made)[:8], sizes):
            self._found["attention"] = ATTENTION
        if not calls and "attention" not in self._found:
            read = loop_inputs(made)
            if read is not None:
                self._found[LOOP] = self._told(LOOP, read, _asked(made))
        if not calls:
            return
        targets = _asked(made)
        for path, each in calls.items():
            known = [one.given for one in each if one.given is not None]
            if known:
                alone = len(known) == 1
                self._found[path] = self._told(path, known[0], targets) if alone else 0.0
                if alone and not self._found[path] and len(targets) == 1:
                    steps = pooled_across(made, batch_axes(sizes))
                    if steps == len(known[0]) and self._shuffled(path, known[0], targets[0]):
                        self._found[path] = POOLED

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it by layer."""
        for path, told in self._found.items():
            now.record(f"time_across/{path}", told)

    def _shuffled(self, path: str, given: Tensor, asked: LossTarget) -> bool:
        """Whether the steps of a layer are known to be rows of a data set."""
        rows = self._rows.setdefault(path, SameRows())
        if not rows.shuffled:
            rows.add(given, asked.target)
        self._wanted[:] = [True] * rows.may_tell
        return rows.shuffled

    def _told(self, path: str, given: Tensor, targets: list[LossTarget]) -> float:
        """What tells that time is where the batch should be; 0 if nothing does."""
        symbols = symbols_of(given) if targets else None
        for loss in targets:
            read = symbols if loss.of_classes else given
            if read is not None and moves_across(
                read, loss.target, loss.counted, exact=not loss.rounded
            ):
                return NEXT
        if padded_across(given):
            return PADDING
        if len(targets) == 1:
            depend = self._depend.setdefault(path, [])
            settled = len(depend) == LOOKS
            if not settled:
                read = symbols if symbols is not None else given
                (one,) = targets
                depend.append(
                    depends_across(read, one.target, one.counted) or sums_across(given, one.target)
                )
                if symbols is not None and one.of_classes:
                    seen = self._batches.setdefault(path, [])
                    kept = (symbols, one.target, one.counted)
                    seen.append((kept[0].clone(), kept[1].clone(), kept[2].clone()))
                if len(depend) == LOOKS:
                    seen = self._batches.pop(path, [])
                    if len(seen) == LOOKS and batches_depend_across(seen):
                        depend[:] = [True] * LOOKS
            if all(depend) if settled else depend[-1]:
                return NEIGHBOUR
        asked = [one.target for one in targets if not one.of_classes]
        if any(smooth_across(one) for one in _in_place(asked, given.shape[:2])):
            return SMOOTH
        return SMOOTH if path != LOOP and smooth_across(given) else 0.0


@dataclass
class _Call:
    axes: tuple[int, ...]
    """The first two of what the layer was given."""
    time: int
    """Which of them it takes for time."""
    given: Tensor | None = None
    """``(T, B)`` symbols or ``(T, B, F)`` numbers, as the layer takes it."""

    @property
    def sizes(self) -> tuple[int, int]:
        """Steps and sequences."""
        return self.axes[self.time], self.axes[1 - self.time]

    def as_taken(self, x: Tensor) -> Tensor:
        return x.transpose(0, 1) if self.time else x


def _asked(made: LossOperations) -> list[LossTarget]:
    """What the loss asks for; of errors by hand, the one nearest to it."""
    return loss_targets(made)[:8] or [*islice(errors_by_hand(made), 1)]


def _in_place(targets: list[Tensor], axes: torch.Size) -> Iterator[Tensor]:
    """``(T, B, F)``, of targets of each step, as the layer takes its input."""
    for one in targets:
        if one.dim() in (2, 3) and axes[0] != axes[1] and {*axes} == {*one.shape[:2]}:
            turned = one if one.shape[:2] == axes else one.transpose(0, 1)
            yield turned if one.dim() == 3 else turned[..., None]
