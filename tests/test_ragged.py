"""Sequences of different lengths: the window is that of the longest, each counts at its own lags.

Against autograd on one sequence at a time, in float64.
"""

# mypy: disable-error-code="no-untyped-call"

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import (
    PackedSequence,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
)

from backsight import Run, probe, watch
from backsight.probes import replay
from backsight.probes.fused import Catcher
from tests.test_inputs import scan
from tests.test_probe_calls import compare, data, made, run, total, windows

SHORT_FIRST = [1, 6, 3, 2]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


# -- fused layers that follow a few sequences ----------------------------------------------


def test_the_longest_of_a_packed_batch_is_followed() -> None:
    """Of four sequences, one would be: the first, of a single step."""
    module, xs = made("gru"), data([SHORT_FIRST])
    catcher = Catcher(sequences=1)

    def called(layer: nn.Module, args: tuple[Tensor, ...], result: tuple[Tensor, ...]) -> None:
        catcher.after("", module, args, {}, result)

    module.register_forward_hook(called)
    total("steps", run(module, "packed unsorted", xs)).backward()
    followed = [windows(module, [x[b] for x in xs]) for b in (0, 1)]
    compare(replay(catcher.take()), followed)


# -- loops in the graph --------------------------------------------------------------------


class Loop(nn.Module):
    """A step that is a method; a loss on each sequence's last state."""

    def __init__(self, batch: Callable[["Loop", list[Tensor]], Tensor]) -> None:
        super().__init__()
        self.into, self.again, self.out = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.batch = batch
        self.double()

    def step(self, x: Tensor, h: Tensor) -> Tensor:
        return torch.tanh(self.into(x) + self.again(h))

    def states(self, x: Tensor) -> list[Tensor]:
        """Of one sequence ``(T, 3)``, by step."""
        h, made = torch.zeros(1, 4).double(), []
        for row in x:
            h = self.step(row, h)
            made.append(h)
        return made

    def loss(self, last: Tensor) -> Tensor:
        loss: Tensor = self.out(last).square().sum()
        return loss

    def forward(self, xs: list[Tensor]) -> Tensor:
        return self.loss(self.batch(self, xs))


def packed(net: Loop, xs: list[Tensor]) -> Tensor:
    """As a packed batch has them: fewer rows as sequences end."""
    batch = pack_sequence(xs, enforce_sorted=False)
    h, ended = torch.zeros(len(xs), 4).double(), []
    for rows in batch.data.split(batch.batch_sizes.tolist()):
        ended.append(h[len(rows) :])
        h = net.step(rows, h[: len(rows)])
    return torch.cat([*ended, h])


def padded(net: Loop, xs: list[Tensor], mask: bool = False) -> Tensor:
    """The state of a sequence that has ended is handed on to the end of the batch."""
    batch, lengths = pad_packed_sequence(pack_sequence(xs, enforce_sorted=False))
    h = torch.zeros(len(xs), 4).double()
    for t, rows in enumerate(batch):
        goes_on = (t < lengths)[:, None]
        new = net.step(rows, h)
        h = goes_on * new + ~goes_on * h if mask else torch.where(goes_on, new, h)
    return h


def masked(net: Loop, xs: list[Tensor]) -> Tensor:
    return padded(net, xs, mask=True)


def one_by_one(net: Loop, xs: list[Tensor]) -> Tensor:
    return torch.cat([net.states(x)[-1] for x in xs])


def mean_reach(sequences: Sequence[list[Tensor]], losses: Sequence[Tensor]) -> np.ndarray:
    """Over the sequences that have the lag, by autograd on each one's states."""
    curves = [
        [float(g.norm()) for g in torch.autograd.grad(loss, states, retain_graph=True)][::-1]
        for states, loss in zip(sequences, losses, strict=True)
    ]
    lags = range(max(map(len, curves)))
    mean = [np.mean([c[k] for c in curves if k < len(c)]) for k in lags]
    return np.divide(mean, mean[0])


@pytest.mark.parametrize("lengths", [[5, 9, 3, 7], [1, 2, 9, 4], [2, 9, 1]])
@pytest.mark.parametrize("batch", [packed, padded, masked, one_by_one])
def test_a_loop_over_sequences_of_different_lengths(
    batch: Callable[[Loop, list[Tensor]], Tensor], lengths: list[int]
) -> None:
    """Also where the first one has a single step."""
    net, (xs,) = Loop(batch), data([lengths])
    (profile,) = probe(net, lambda: net(xs)).values()
    states = [net.states(x) for x in xs]
    truth = mean_reach(states, [net.loss(each[-1]) for each in states])
    np.testing.assert_allclose(profile.reach, truth, rtol=1e-10)


class Masked(nn.Module):
    """Called once a step; it keeps ``h`` and ``c`` of what has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.Linear(7, 8).double()

    def forward(self, x: Tensor, h: Tensor, c: Tensor, goes_on: Tensor) -> tuple[Tensor, Tensor]:
        gate, new = self.cell(torch.cat([x, h], 1)).chunk(2, 1)
        one = torch.where(goes_on, 0.5 * c + torch.tanh(new), c)
        return torch.where(goes_on, gate.sigmoid() * one.tanh(), h), one


def test_a_module_that_keeps_the_state_of_what_has_ended() -> None:
    net = nn.ModuleDict({"own": Masked()})

    def states(xs: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
        batch, lengths = pad_packed_sequence(pack_sequence(xs, enforce_sorted=False))
        h = c = torch.zeros(len(xs), 4).double()
        made = []
        for t, x in enumerate(batch):
            h, c = net["own"](x, h, c, (t < lengths)[:, None])
            made.append((h, c))
        return made

    (xs,) = data([[2, 6, 1, 4]])
    profiles = probe(net, lambda: states(xs)[-1][0].square().sum())
    each = [states([x]) for x in xs]
    losses = [one[-1][0].square().sum() for one in each]
    for place, name in enumerate(("own", "own.state1")):
        truth = mean_reach([[step[place] for step in one] for one in each], losses)
        np.testing.assert_allclose(profiles[name].reach, truth, rtol=1e-10)


# -- embedded inputs -----------------------------------------------------------------------


class Scans(nn.Module):
    """A packed batch, embedded row by row or before it is packed, and a scan without a layer."""

    def __init__(self, answers: str) -> None:
        super().__init__()
        self.embed, self.head, self.answers = nn.Linear(3, 4), nn.Linear(4, 2), answers
        self.kept = torch.empty(0)
        self.double()

    def forward(self, batch: PackedSequence | Tensor, lengths: Tensor | None = None) -> Tensor:
        if isinstance(batch, Tensor):
            self.kept = self.embed(batch)
            embedded = packed_of(self.kept, lengths)
        else:
            self.kept = self.embed(batch.data)
            embedded = PackedSequence(self.kept, *batch[1:])
        padded, steps = pad_packed_sequence(embedded, batch_first=True)
        states = scan(0.9)(padded, 1)
        if self.answers == "last":
            last: Tensor = self.head(states[torch.arange(len(steps)), steps - 1])
            return last
        logits: Tensor = self.head(packed_of(states, steps).data)
        return logits.square().sum() if self.answers == "its loss" else logits


def packed_of(padded: Tensor, lengths: Tensor | None) -> PackedSequence:
    assert lengths is not None
    return pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False)


@pytest.mark.some(6)
@pytest.mark.parametrize("lengths", [[5, 9, 3, 7], [1, 2, 9, 4], [3, 5, 7]])
@pytest.mark.parametrize("answers", ["last", "each", "its loss"])
@pytest.mark.parametrize("before", [False, True])
def test_an_embedded_packed_batch(lengths: list[int], answers: str, before: bool) -> None:
    """Also where the model sorts its sequences, so that its answers are in another order."""
    net, (xs,) = Scans(answers), data([lengths])
    given = (pad_sequence(xs, batch_first=True), torch.tensor(lengths))
    batch = pack_sequence(xs, enforce_sorted=False)

    def loss() -> Tensor:
        result: Tensor = (net(*given) if before else net(batch)).square().sum().sqrt()
        return result

    (profile,) = probe(net, loss).values()
    net.answers = "each" if answers == "its loss" else answers
    rows = []
    for x in xs:
        last = net(pack_sequence([x]))[-1]
        (back,) = torch.autograd.grad(last.square().sum(), net.kept)
        rows.append(back.norm(dim=-1).flip(0).tolist())
    mean = [np.mean([row[k] for row in rows if k < len(row)]) for k in range(max(lengths))]
    np.testing.assert_allclose(profile.reach, np.divide(mean, mean[0]), rtol=1e-9)
    assert profile.hidden_norm.shape == (max(lengths),)


class OneByOne(nn.Module):
    """Embeds and scans one sequence ``(1, T)`` after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(9, 4).double(), nn.Linear(4, 2).double()

    def forward(self, xs: list[Tensor]) -> Tensor:
        return torch.cat([self.head(scan(0.5)(self.embed(x), 1)[:, -1]) for x in xs])


class EachStep(OneByOne):
    """Answers every step."""

    def forward(self, xs: list[Tensor]) -> Any:
        return [self.head(scan(0.5)(self.embed(x), 1)) for x in xs]


@pytest.mark.parametrize("kind", [OneByOne, EachStep])
@pytest.mark.parametrize("lengths", [[1, 6, 3], [1, 1, 5, 2, 4, 3, 6, 1, 2, 5, 1]])
def test_sequences_that_are_embedded_one_after_the_other_are_one_input(
    kind: type[OneByOne], lengths: list[int], run_path: Path
) -> None:
    net, xs = kind(), [torch.randint(9, (1, length)) for length in lengths]
    for weight in (net.head.weight, net.head.bias):
        nn.init.ones_(weight)

    def loss() -> Tensor:
        """Of which each sequence has the same gradient at its end."""
        total: Tensor = sum(answer.sum() for answer in net(xs))
        return total

    (found,) = probe(net, loss).items()
    assert found[0] == "input:embed"
    np.testing.assert_allclose(found[1].reach, 0.5 ** np.arange(6.0), rtol=1e-10)
    assert found[1].grad_time.shape == (6,)
    assert not found[1].note
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with watch(net, optimizer, run_path, every=1):
        loss().backward()
        optimizer.step()
    assert Run(run_path).members("reach") == ("reach/input:embed",)


def test_a_forward_pass_for_each_sequence_is_said() -> None:
    net = OneByOne()
    xs = [torch.randint(9, (1, length)) for length in (2, 5, 3)]
    (profile,) = probe(net, lambda: torch.stack([net([x]).sum() for x in xs]).sum()).values()
    assert profile.reach.shape == (3,)
    assert profile.note == "measured on the last of 3 forward passes before the backward pass"
