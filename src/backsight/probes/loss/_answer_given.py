"""Losses that ask for what the model has just been given."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from backsight.probes._autograd import gradients_of
from backsight.probes._operations import LAYERS, operation, shape_of
from backsight.probes._time_axis import symbols_of
from backsight.probes.loss._answer_ahead import ahead_of, from_behind, next_ones, summed_up
from backsight.probes.loss._answer_streams import (
    LayerInput,
    LayerInputs,
    Stream,
    embedded_streams,
    marked_streams,
    packed_streams,
)
from backsight.probes.loss._answer_windows import (
    STEPS,
    among,
    in_both_orders,
    in_packing,
    same,
    varies,
    windows,
)
from backsight.probes.loss._beside import made_beside
from backsight.probes.loss._delayed import another, lag_of
from backsight.probes.loss._errors_by_hand import error_by_hand
from backsight.probes.loss._loss_operations import LossOperations
from backsight.probes.loss._loss_targets import LossTarget, loss_targets

__all__ = ["AnswerGiven", "LayerInput", "answers_given", "inputs_read", "mark_input"]

MARK, FINAL = "backsight input", "backsight final"

AnswerKind = Literal[
    "this step", "among", "next step", "seen", "two ahead", "reproduced", "earlier step"
]

MOST_ASKED = 8
"""Numbers of a step that are looked for among its features."""

MOST_OPERATIONS = 4096
"""Between a loss and a layer."""

MOST = 64
"""Losses of one graph that are looked at: a loop has one a step."""

OVER_THE_BATCH = frozenset({"CudnnBatchNorm", "NativeBatchNorm", "NativeGroupNorm"})
"""They let each answer depend on all inputs, a little."""


@dataclass(frozen=True, slots=True)
class AnswerGiven:
    """A loss whose targets its model reads as they are asked for.

    Example:
        >>> from backsight.probes import AnswerGiven
        >>> AnswerGiven("this step", 48).targets
        48
    """

    kind: AnswerKind
    """``this step``: the newest input that an answer depends on is the answer. ``among``: it is
    some of the features of that input. ``next step``: a bidirectional layer reads the input after
    it, which is. ``reproduced``: as the first two, but of numbers and by a model that may be an
    autoencoder, or that has something else to learn. ``earlier step``: it was read some steps
    before, as where a delay is to be learned. ``seen``: the answer depends on the input after it,
    which is its target, without a bidirectional layer. ``two ahead``: the target is the symbol
    after the next."""
    targets: int
    """How many there are."""
    lag: int = 0
    """Of an earlier step, how many steps before."""


def mark_input(output: Tensor, given: LayerInput, *, final: bool = False) -> None:
    """Remember at the graph of a layer's output what the layer was given.

    Args:
        output: of the call; nothing is done where it has no graph.
        given: its input, without a graph.
        final: whether it is a final state, which :func:`inputs_read` knows where no output is read.

    Example:
        >>> import torch
        >>> from backsight.probes import LayerInput, mark_input
        >>> rnn, x = torch.nn.RNN(3, 4), torch.zeros(5, 2, 3)
        >>> out, _ = rnn(x)
        >>> mark_input(out, LayerInput("rnn", x, steps=0))
        >>> out.grad_fn.metadata["backsight input"].layer
        'rnn'
    """
    if output.grad_fn is not None:
        output.grad_fn.metadata[FINAL if final else MARK] = given  # type: ignore[index]  # a property


def answers_given(made: LossOperations) -> list[AnswerGiven] | None:
    """Which losses ask for what the model has just read.

    The targets of a whole window are held against the indices that an embedding was called with,
    and against what went into a recurrent layer (:func:`mark_input`). Only where they are equal is
    autograd asked, once, what the first answer depends on: an encoder whose input is to be
    reproduced from its last state is no such case, and neither is one whose answer depends on
    later inputs as well.

    Args:
        made: the operations of the loss, while the graph is whole.

    Returns:
        none where no loss does; None where no loss keeps its targets.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations, answers_given
        >>> text = torch.randint(8, (4, 11))
        >>> embed, rnn = torch.nn.Embedding(8, 8), torch.nn.RNN(8, 8, batch_first=True)
        >>> def loss(x, y):
        ...     z = rnn(embed(x))[0].flatten(0, 1)
        ...     return LossOperations([torch.nn.functional.cross_entropy(z, y.flatten())])
        >>> answers_given(loss(text[:, :-1], text[:, :-1]))  # is to be text[:, 1:]
        [AnswerGiven(kind='this step', targets=40, lag=0)]
        >>> answers_given(loss(text[:, :-1], text[:, 1:]))
        []
    """
    losses = loss_targets(made)
    by_hand = (error_by_hand(node) for _, node in made.named(MOST))
    losses += [loss for loss in by_hand if loss is not None]
    if not losses:
        return None
    marks = _marks(made)
    streams = [*embedded_streams(made), *marked_streams(marks), *packed_streams(made)]
    if len(losses) > 1 and all(len(_rows(loss)) == len(_rows(losses[0])) for loss in losses):
        by_step = _step_by_step(losses, streams)
        if by_step is not None:
            return [by_step]
    found, asking = [], []
    for loss in losses[:MOST]:
        ways = (_judge(loss, stream, marks) for stream in streams)
        late = (_behind(loss, stream, marks, streams) for stream in streams)
        one = next((answer for answer in chain(ways, late) if answer is not None), None)
        if one is not None:
            found.append(one)
            asking.append(loss)
    if not found and len(losses) == 1:
        ways = (_among(losses[0], stream, marks) for stream in streams)
        found += [one for one in [next((one for one in ways if one is not None), None)] if one]
        asking += losses[: len(found)]
    if any(_may_be_meant(*one) for one in zip(asking, found, strict=True)) and made_beside(
        made, {loss.node for loss in asking}, {node for node, _ in marks}
    ):
        return [
            replace(one, kind="reproduced") if _may_be_meant(loss, one) else one
            for loss, one in zip(asking, found, strict=True)
        ]
    if not found and len(losses) == 1:
        one = _later(losses[0], streams, causal=bool(marks or made.those(OVER_THE_BATCH)))
        found += [] if one is None else [one]
    return found


def inputs_read(made: LossOperations) -> list[LayerInput]:
    """What recurrent layers were given, calls of one step each together (:func:`mark_input`).

    Args:
        made: the operations of the loss, while the graph is whole.

    Example:
        >>> import torch
        >>> from backsight.probes import LayerInput, LossOperations, inputs_read, mark_input
        >>> rnn, x = torch.nn.RNN(3, 4), torch.zeros(5, 2, 3)
        >>> out, _ = rnn(x)
        >>> mark_input(out, LayerInput("rnn", x, steps=0))
        >>> [one.layer for one in inputs_read(LossOperations([out.sum()]))]
        ['rnn']
    """
    marks = _marks(made)
    if not marks:
        found = (node.metadata.get(FINAL) for _, node in made.named())  # type: ignore[attr-defined]
        return [*{id(one): one for one in found if isinstance(one, LayerInput)}.values()]
    read = ((one.layer, one.given) for one in marked_streams(marks))
    return [replace(one, given=given, steps=one.steps or 0) for one, given in read if one]


def _marks(made: LossOperations) -> LayerInputs:
    if MARK not in made.told:
        found = (
            (node, node.metadata.get(MARK))  # type: ignore[attr-defined]  # a property
            for _, node in made.named()
        )
        made.told[MARK] = [(node, mark) for node, mark in found if isinstance(mark, LayerInput)]
    marks: LayerInputs = made.told[MARK]
    return marks


def _may_be_meant(loss: LossTarget, found: AnswerGiven) -> bool:
    """Whether numbers are written again as they are read: so a code, or a world, is learned."""
    return not loss.of_classes and found.kind in ("this step", "among")


def _rows(loss: LossTarget) -> Tensor:
    """Its targets in one row; of numbers, a row of features each."""
    return loss.target.reshape(-1)


def _judge(loss: LossTarget, stream: Stream, marks: LayerInputs) -> AnswerGiven | None:
    target, counted = _rows(loss), loss.counted
    a, b = stream.given.shape[:2]
    places = stream.places
    whole = places is None and loss.of_classes
    if whole and not a * b - max(a, b) <= len(target) <= a * b:
        return None
    given = symbols_of(stream.given) if loss.of_classes else stream.given
    if given is None or given.dtype.is_complex or not varies(given):
        return None
    if not loss.of_classes and stream.layer is None:
        return None  # numbers that are to be indices
    for window, first in windows(given) if places is None else in_packing(given, places):
        if same(window, target, counted, rounded=loss.rounded) and _newest(loss, stream, first):
            kind: AnswerKind = "this step"
            if not loss.of_classes and not _plain(loss, stream, marks, given.shape[-1]):
                kind = "reproduced"
            return AnswerGiven(kind, int(counted.sum()))
    if whole:
        return _ahead(loss, given, marks)
    return None


def _among(loss: LossTarget, stream: Stream, marks: LayerInputs) -> AnswerGiven | None:
    """Whether what is asked for at each step is among the numbers that are read there."""
    given = stream.given
    if loss.of_classes or stream.layer is None or given.dim() != 3 or given.dtype.is_complex:
        return None
    target = _rows(loss)
    (a, b, _), positions = given.shape, given.shape[0] * given.shape[1]
    if max(a, b) < STEPS or not positions or len(target) % positions:
        return None
    asked = target.view(positions, -1)
    if not asked.shape[1] < min(given.shape[2], MOST_ASKED + 1) or not bool(loss.counted.all()):
        return None
    if not any(among(rows, asked, rounded=loss.rounded) for rows in in_both_orders(given)):
        return None
    if not _newest(loss, stream, (0, 0)):
        return None
    plain = _plain(loss, stream, marks, asked.shape[1])
    return AnswerGiven("among" if plain else "reproduced", len(target))


def _behind(
    loss: LossTarget, stream: Stream, marks: LayerInputs, streams: Sequence[Stream]
) -> AnswerGiven | None:
    """Whether what is asked for was read some steps before; a mark first, where none counts or
    other symbols are read as well: what a decoder is to say is no delay."""
    given = symbols_of(stream.given) if loss.of_classes else stream.given
    if given is None or stream.places is not None:
        return None
    every = bool(loss.counted.all())
    if not every and (not loss.of_classes or bool(loss.counted[0])):
        return None
    if any(mark.both_ways for _, mark in marks) or (not loss.of_classes and stream.layer is None):
        return None
    lag = lag_of(_rows(loss), given, begun=loss.of_classes)
    if not lag or not _newest(loss, stream, (0, 0)):
        return None
    if every and not lag_of(_rows(loss), given):
        others = (symbols_of(one.given) for one in streams)
        if not another(given, [one for one in others if one is not None]):
            return None  # a delay of one step
    return AnswerGiven("earlier step", int(loss.counted.sum()), lag)


def _support(loss: LossTarget, edges: Sequence[tuple[Node, int]]) -> list[Tensor | None]:
    """The gradient on ``edges`` of a number of the first answer."""
    out = torch.zeros_like(loss.prediction)
    place = [0] * out.dim()
    if loss.of_classes:  # of which one is unlikely, so that its gradient is not 0
        axis = min(1, out.dim() - 1)
        classes = loss.prediction.movedim(axis, -1).reshape(-1, out.shape[axis])
        place[axis] = int(classes[0].argmin())
    out[tuple(place)] = 1
    if loss.by_hand:
        out = out.reshape(shape_of(*loss.edge))
    asked = [GradientEdge(node, number) for node, number in edges]
    return gradients_of([GradientEdge(*loss.edge)], asked, [out])


def _positions(loss: LossTarget, stream: Stream) -> Tensor | None:
    """``(a, b)`` bool: what the first answer depends on."""
    found = _support(loss, stream.edges)
    if not all(one is None or bool(one.isfinite().all()) for one in found):
        return None  # NaN is there whatever it depends on
    if len(found) > 1:
        b = stream.given.shape[1]
        rows = [
            torch.zeros(b, dtype=torch.bool, device=stream.given.device)
            if one is None
            else (one != 0).reshape(b, -1).any(1)
            for one in found
        ]
        return torch.stack(rows)
    (one,) = found
    if one is None:
        return None
    return (one != 0).reshape(*stream.given.shape[:2], -1).any(2)


def _newest(loss: LossTarget, stream: Stream, first: tuple[int, int]) -> bool:
    """Whether the first answer depends on the input at ``first``, and on none after it."""
    seen = _positions(loss, stream)
    if seen is None or not bool(seen[first]):
        return False
    seen = seen.clone()
    seen[: first[0] + 1, : first[1] + 1] = False
    return not bool(seen.any())


def _plain(loss: LossTarget, stream: Stream, marks: LayerInputs, asked: int) -> bool:
    """Whether the last recurrent layer reads the answer, and no layer from there on gives less than
    the ``asked`` numbers of a step."""
    assert stream.layer is not None
    width, wanted = shape_of(*stream.edges[0])[-1], stream.layer.width
    if marks[0][1].layer != stream.layer.layer or width < wanted:
        return False
    return _leads_to(loss.edge[0], {node for node, _ in marks}, min(asked, wanted))


def _leads_to(start: Node, layers: Collection[Node], width: int) -> bool:
    """Whether a way leads there on which no layer gives less than so many numbers."""
    waiting, seen = [start], {start}
    while waiting and len(seen) < MOST_OPERATIONS:
        node = waiting.pop()
        if node in layers:
            return True
        for below, number in node.next_functions:
            if below is None or below in seen:
                continue
            seen.add(below)
            if operation(below) not in LAYERS or shape_of(below, number)[-1] >= width:
                waiting.append(below)
    return bool(waiting)


def _ahead(loss: LossTarget, given: Tensor, marks: LayerInputs) -> AnswerGiven | None:
    """Whether a bidirectional layer reads the next input, which is the answer."""
    target, counted = _rows(loss), loss.counted
    for node, mark in marks:
        steps = mark.steps
        if not mark.both_ways or steps is None or mark.given.shape[:2] != given.shape[:2]:
            continue
        if given.shape[steps] < STEPS:
            continue
        for now, later in next_ones(given, steps, target.numel()):
            if not same(later, target[now], counted[now]):
                continue
            (gradient,) = _support(loss, [(node, 0)])
            if gradient is not None and from_behind(gradient):
                return AnswerGiven("next step", int(counted[now].sum()))
    return None


def _later(loss: LossTarget, streams: Sequence[Stream], *, causal: bool) -> AnswerGiven | None:
    """Whether a model that may not be ``causal`` sees the next symbol, which is the answer; or
    whether each answer is the symbol after the next."""
    given = [(symbols_of(stream.given), stream) for stream in streams if stream.places is None]
    varied = [(one, stream) for one, stream in given if one is not None and varies(one)]
    if len(varied) != 1 or not loss.of_classes:
        return None  # such as an encoder whose text is to be reproduced
    ((symbols, stream),) = varied
    asked, counted = _rows(loss), loss.counted
    if len(asked) > symbols.numel():
        return None
    steps = ahead_of(symbols, asked, counted, 1)
    if steps is None:
        second = ahead_of(symbols, asked, counted, 2)
        return None if second is None else AnswerGiven("two ahead", int(counted.sum()))
    if causal or not bool(counted[0]):
        return None
    seen = _positions(loss, stream)
    if seen is None or not bool(seen[(0, 1) if steps else (1, 0)]):
        return None
    if summed_up(loss.edge, stream.edges, symbols.shape[steps]):
        return None  # an encoder may read it all
    return AnswerGiven("seen", int(counted.sum()))


def _step_by_step(losses: Sequence[LossTarget], streams: Sequence[Stream]) -> AnswerGiven | None:
    """Of a loop that adds a loss at each step: the first few of them, each by its newest input."""
    ordered = sorted(losses, key=lambda loss: loss.node._sequence_nr())
    if not ordered[0].of_classes or len(ordered) < STEPS:
        return None
    targets = torch.stack([_rows(loss) for loss in ordered])
    counted = torch.stack([loss.counted for loss in ordered])
    for stream in streams:
        given = symbols_of(stream.given)
        if given is None or not varies(given):
            continue
        for inputs in (given, given.T):
            if inputs.shape != targets.shape:
                continue
            if not same(inputs.flatten(), targets.flatten(), counted.flatten()):
                continue
            turned = inputs is not given and len(stream.edges) == 1
            if all(_newest_step(ordered[k], stream, k, turned) for k in (0, len(ordered) // 2)):
                return AnswerGiven("this step", int(counted.sum()))
    return None


def _newest_step(loss: LossTarget, stream: Stream, step: int, turned: bool) -> bool:
    seen = _positions(loss, stream)
    if seen is None:
        return False
    steps = (seen.T if turned else seen)[:, 0]
    return bool(steps[step]) and not bool(steps[step + 1 :].any())
