"""Loops over steps that no module's calls show, against autograd on the states that were kept."""

# Parts are set on a model as each case needs them.
# mypy: disable-error-code="no-untyped-call, no-any-return, operator, arg-type, union-attr"
# mypy: disable-error-code="type-arg, index, assignment"

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight import GradientProfile, Run, probe, watch
from backsight.errors import SettingError
from backsight.probes.loops import _reader, _weights

EXACT = 1e-10
Step = Callable[["Net", Tensor, Tensor], Tensor]


class Net(nn.Module):
    """A loop over ``(T, B, 3)`` whose step is no module; it keeps its states."""

    def __init__(self, step: Step, **parts: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.into, self.again, self.out = nn.Linear(3, 8), nn.Linear(8, 8), nn.Linear(8, 2)
        for name, part in parts.items():
            setattr(self, name, part)
        self.double()
        self.step, self.kept = step, list[list[Tensor]]()

    def forward(self, steps: Tensor) -> Tensor:
        h, self.cell, kept = steps.new_zeros(steps.shape[1], 8), torch.zeros(1, 8), []
        self.cell = self.cell.double()
        for x in steps:
            h = self.step(self, x, h)
            kept.append(h)
        self.kept.append(kept)
        return self.out(torch.stack(kept))


def plain(net: Net, x: Tensor, h: Tensor) -> Tensor:
    return torch.tanh(net.into(x) + net.again(h))


def gru(net: Any, x: Tensor, h: Tensor) -> Tensor:
    z, r = net.gates(torch.cat([x, h], 1)).sigmoid().chunk(2, 1)
    return z * h + (1 - z) * torch.tanh(net.into(x) + net.again(r * h))


def lstm(net: Any, x: Tensor, h: Tensor) -> Tensor:
    i, f, o, g = (gate(torch.cat([x, h], 1)) for gate in net.gates)
    net.cell = f.sigmoid() * net.cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * net.cell.tanh()


def cut_in_two(net: Any, x: Tensor, h: Tensor) -> Tensor:
    gate, new = net.weight.chunk(2)
    z = torch.sigmoid(functional.linear(h, gate))
    return z * h + (1 - z) * torch.tanh(net.into(x) + h @ new.t())


class Cell(nn.Module):
    """A user's own, which is not called but by its ``forward``."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.Linear(11, 8)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return torch.tanh(self.cell(torch.cat([x, h], 1)))


def weight() -> nn.Parameter:
    torch.manual_seed(1)
    return nn.Parameter(torch.randn(16, 8) / 3)


LOOPS: dict[str, tuple[str, Step, Callable[[], dict[str, Any]]]] = {
    "a method": ("again", plain, dict),
    "leaky": ("again", lambda n, x, h: 0.8 * h + 0.2 * plain(n, x, h), dict),
    "dropout on the way": ("again", lambda n, x, h: plain(n, x, functional.dropout(h, 0.3)), dict),
    "a norm on the way": (
        "again", lambda n, x, h: plain(n, x, n.norm(h)), lambda: {"norm": nn.LayerNorm(8)},
    ),
    "a mask": ("again", lambda n, x, h: torch.where(x[:, :1] > 0, plain(n, x, h), h), dict),
    "a layer inside": (
        "again", lambda n, x, h: h + n.inner(plain(n, x, h)), lambda: {"inner": nn.Linear(8, 8)},
    ),
    "a GRU": ("gates", gru, lambda: {"gates": nn.Linear(11, 16)}),
    "an LSTM": (
        "gates.0", lstm, lambda: {"gates": nn.ModuleList(nn.Linear(11, 8) for _ in range(4))},
    ),
    "a parameter in two": ("weight", cut_in_two, lambda: {"weight": weight()}),
    "cell.forward": (
        "one.cell", lambda n, x, h: n.one.forward(x, h), lambda: {"one": Cell()},
    ),
    "a cell in a list": (
        "cells.0.weight_hh", lambda n, x, h: n.cells[0].forward(x, h),
        lambda: {"cells": [nn.GRUCell(3, 8).double()]},
    ),
    "a cell in a dict": (
        "cells.one.weight_hh", lambda n, x, h: n.cells["one"].forward(x, h),
        lambda: {"cells": {"one": nn.RNNCell(3, 8).double()}},
    ),
}  # fmt: skip


def steps(count: int = 7, batch: int = 4) -> Tensor:
    torch.manual_seed(2)
    x = torch.randn(count, batch, 3, dtype=torch.float64)
    x[[0, -1]] = x[[0, -1]].abs()  # no mask holds the first state, nor the last one
    return x


def norms(gradients: Any) -> np.ndarray:
    return torch.stack([g.norm(dim=1) for g in gradients]).numpy()


def read(net: Net, x: Tensor, loss: Callable[[Tensor], Tensor]) -> dict[str, GradientProfile]:
    """Its profiles, each compared with autograd on the states that the same forward kept."""
    net.kept.clear()
    losses = []

    def compute() -> Tensor:
        losses.append(loss(net(x)))
        return losses[-1]

    profiles = probe(net, compute)
    (one,), (kept,) = losses, net.kept
    back = norms(torch.autograd.grad(one, kept)).mean(1)
    for profile in profiles.values():
        np.testing.assert_allclose(profile.grad_time, back, rtol=EXACT)
        np.testing.assert_allclose(profile.reach, back[::-1] / back[-1], rtol=EXACT)
    return profiles


@pytest.mark.parametrize("kind", LOOPS)
def test_states_are_those_of_the_loop(kind: str) -> None:
    """Also the last one, which no step takes; no norms are told of what the graph does not keep."""
    path, step, parts = LOOPS[kind]
    (found,) = read(Net(step, **parts()), steps(), lambda y: y[-1].square().mean()).items()
    assert found[0] == f"loop:{path}"
    assert found[1].hidden_norm.size == 0
    assert found[1].graph_end == 6


def test_a_linear_recurrence_has_its_closed_form() -> None:
    """``h = a h + u x``: R(k) is a^k."""
    net = Net(lambda n, x, h: n.again(h) + n.into(x))
    with torch.no_grad():
        net.again.weight.copy_(0.5 * torch.eye(8))
    profile = probe(net, lambda: net(steps())[-1].sum())["loop:again"]
    np.testing.assert_allclose(profile.reach, 0.5 ** np.arange(7), rtol=EXACT)


def test_an_input_that_is_added_to_the_state_before() -> None:
    """``h + u x`` belongs to the step before, as its depth in the graph tells."""
    net = Net(lambda n, x, h: h + n.into(x) + n.again(h))
    assert set(read(net, steps(), lambda y: y[-1].square().mean())) == {"loop:again"}


def test_a_loss_at_every_step() -> None:
    """The reach is that of the last step alone."""
    net = Net(plain)
    profile = probe(net, lambda: net(steps()).square().mean())["loop:again"]
    net.kept.clear()
    y = net(steps())
    whole = norms(torch.autograd.grad(y.square().mean(), net.kept[0], retain_graph=True)).mean(1)
    last = norms(torch.autograd.grad(y[-1].square().mean(), net.kept[0])).mean(1)
    np.testing.assert_allclose(profile.grad_time, whole, rtol=EXACT)
    np.testing.assert_allclose(profile.reach, last[::-1] / last[-1], rtol=EXACT)


class Joined(nn.Module):
    """Two layers of masked weights whose states are handed on in one tensor, as ncps has them."""

    def __init__(self, stacked: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList([nn.Linear(3 + 4, 4), nn.Linear(4 + 4, 4)])
        self.stacked, self.kept = stacked, list[list[Tensor]]()
        self.double()

    def forward(self, steps: Tensor) -> Tensor:
        h, self.kept = steps.new_zeros(steps.shape[1], 8), [[], []]
        h = h.view(2, -1, 4) if self.stacked else h
        for x in steps:
            new: list[Tensor] = []
            states = h if self.stacked else h.split([4, 4], 1)
            for layer, state in zip(self.layers, states, strict=True):
                masked = layer.weight * (torch.arange(layer.weight.shape[1]) % 3 > 0)
                x = torch.tanh(functional.linear(torch.cat([x, state], 1), masked, layer.bias))
                new.append(x)
                self.kept[len(new) - 1].append(x)
            h = torch.stack(new) if self.stacked else torch.cat(new, 1)
        return x


@pytest.mark.parametrize("stacked", [False, True])
def test_states_that_are_handed_on_in_one_tensor(stacked: bool) -> None:
    net, losses = Joined(stacked), []

    def compute() -> Tensor:
        losses.append(net(steps()).square().sum())
        return losses[-1]

    found = probe(net, compute)
    assert list(found) == ["loop:layers.0", "loop:layers.1"]
    for profile, kept in zip(found.values(), net.kept, strict=True):
        back = norms(torch.autograd.grad(losses[0], kept, retain_graph=True)).mean(1)
        np.testing.assert_allclose(profile.reach, back[::-1] / back[-1], rtol=EXACT)


class Layers(nn.Module):
    """Layer after layer, each through all steps, with a norm and a skip connection between."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.into = nn.ModuleList(nn.Linear(3, 3) for _ in range(2))
        self.again = nn.ModuleList(nn.Linear(3, 3) for _ in range(2))
        self.norm, self.kept = nn.LayerNorm(3), list[list[Tensor]]()
        self.double()

    def forward(self, steps: Tensor) -> Tensor:
        self.kept = [[], []]
        for into, again, kept in zip(self.into, self.again, self.kept, strict=True):
            h = torch.zeros_like(steps[0])
            for x in steps:
                h = torch.tanh(into(x) + again(h))
                kept.append(h)
            steps = self.norm(steps + torch.stack(kept))
        return steps


def test_a_layer_that_follows_another_one_is_on_the_way_back() -> None:
    net, losses = Layers(), []

    def compute() -> Tensor:
        losses.append(net(steps())[-1].square().mul(torch.arange(3)).sum())
        return losses[-1]

    found = probe(net, compute)
    assert list(found) == ["loop:again.0", "loop:again.1"]
    for profile, kept in zip(found.values(), net.kept, strict=True):
        back = norms(torch.autograd.grad(losses[0], kept, retain_graph=True)).mean(1)
        np.testing.assert_allclose(profile.reach, back[::-1] / back[-1], rtol=EXACT)


def test_an_input_with_a_gradient_beside_the_state() -> None:
    net = Net(lambda n, x, h: torch.tanh(n.both(torch.cat([x @ n.embed, h], 1))),
              embed=nn.Parameter(torch.eye(3)), both=nn.Linear(11, 8))  # fmt: skip
    assert list(read(net, steps(), lambda y: y[-1].sum())) == ["loop:both"]


def test_two_sequences_through_one_loop() -> None:
    """A siamese network: both count, as further sequences."""
    net = Net(plain)
    x = steps()
    losses = []

    def compute() -> Tensor:
        losses.append((net(x)[-1] * net(x.flip(0))[-1]).sum())
        return losses[-1]

    profile = probe(net, compute)["loop:again"]
    back = [norms(torch.autograd.grad(losses[0], k, retain_graph=True)) for k in net.kept]
    np.testing.assert_allclose(profile.grad_time, np.hstack(back).mean(1), rtol=EXACT)


def repeated(net: Any, x: Tensor) -> Tensor:
    h = net.into(x)
    for _ in range(6):
        h = torch.tanh(net.again(h))
    return net.out(h)


def with_input(net: Any, x: Tensor) -> Tensor:
    h = torch.zeros(*x.shape[:2], 8).double()
    for _ in range(6):
        h = torch.tanh(net.again(h) + net.into(x))
    return net.out(h)


def with_input_added(net: Any, x: Tensor) -> Tensor:
    h = torch.zeros(*x.shape[:2], 8).double()
    for _ in range(6):
        h = h + net.into(x) + net.again(h)
    return net.out(h)


def with_dropout(net: Any, x: Tensor) -> Tensor:
    """Raw data under a fresh mask each time: nothing of it has a gradient."""
    h = torch.zeros(*x.shape[:2], 8).double()
    for _ in range(6):
        h = torch.tanh(net.again(h) + net.into(functional.dropout(x, 0.3)))
    return net.out(h)


def with_dropped_bits(net: Any, x: Tensor) -> Tensor:
    """Ones and zeros under a fresh mask each time."""
    return with_dropout(net, (x > 0).double())


def with_dropped_one_hot(net: Any, x: Tensor) -> Tensor:
    return with_dropout(net, functional.one_hot(x.argmax(-1), 3).double())


def beside_input(net: Any, x: Tensor) -> Tensor:
    h = torch.zeros(*x.shape[:2], 8).double()
    for _ in range(6):
        h = torch.tanh(net.wide(torch.cat([x, h], -1)))
    return net.out(h)


def behind_input(net: Any, x: Tensor) -> Tensor:
    h = torch.zeros(*x.shape[:2], 8).double()
    for _ in range(6):
        h = torch.tanh(net.wide(torch.cat([h, x], -1)))
    return net.out(h)


def solver(net: Any, x: Tensor) -> Tensor:
    h = net.into(x[0])
    for n in range(6):
        time = torch.full((len(h), 3), n / 6).double()
        h = h + torch.tanh(net.wide(torch.cat([h, time], -1)))
    return net.out(h)


def side_by_side(net: Any, x: Tensor) -> Tensor:
    return sum(net.out(torch.relu(net.again(net.into(one)))) for one in x)


@pytest.mark.parametrize(
    "forward",
    [repeated, with_input, with_input_added, with_dropout, with_dropped_bits, with_dropped_one_hot,
     beside_input, behind_input, solver, side_by_side],
)  # fmt: skip
def test_depth_is_no_time(forward: Callable[..., Tensor]) -> None:
    """A layer that is repeated on what it made, or on the same input, or for each input alone."""
    net = Net(plain, wide=nn.Linear(11, 8))
    net.forward = lambda x: forward(net, x)
    try:
        found = probe(net, lambda: net(steps()).square().mean())
    except SettingError:
        found = {}
    assert not [name for name in found if name.startswith("loop:")]


@pytest.mark.parametrize("p", [0.0, 0.3])
@pytest.mark.parametrize("of", ["bits", "one-hot", "the same bits but one"])
def test_ones_and_zeros_by_step_are_time(of: str, p: float) -> None:
    """With dropout, and without."""
    x = torch.randn(7, 40, 3)
    bits = (x > 0).double() if of == "bits" else functional.one_hot(x.argmax(-1), 3).double()
    if of == "the same bits but one" and not p:
        bits = bits[:1].repeat(7, 1, 1)
        bits[:, 0, 0] = torch.arange(7) % 2
    net = Net(lambda n, x, h: plain(n, functional.dropout(x, p), h))
    assert list(probe(net, lambda: net(bits)[-1].square().sum())) == ["loop:again"]


@pytest.mark.parametrize("input_first", [True, False])
def test_blanks_after_the_first_step_are_time(input_first: bool) -> None:
    """The state before it is no part of the graph, so that all that was joined there is data."""
    x = torch.ones(7, 40, 3).double()
    x[0] = torch.randn(40, 3)

    def step(net: Any, x: Tensor, h: Tensor) -> Tensor:
        return torch.tanh(net.wide(torch.cat([x, h] if input_first else [h, x], 1)))

    net = Net(step, wide=nn.Linear(11, 8))
    assert list(probe(net, lambda: net(x)[-1].square().sum())) == ["loop:wide"]


def test_columns_are_left_alone() -> None:
    """``W h`` with sequences along the second axis would be taken for units."""
    net = Net(plain)
    net.forward = lambda x: _columns(net, x)
    with pytest.raises(SettingError, match="no recurrent layer"):
        probe(net, lambda: net(steps()).square().mean())


def _columns(net: Net, x: Tensor) -> Tensor:
    h = torch.zeros(8, x.shape[1]).double()
    for one in x:
        h = torch.tanh(net.into(one).t() + net.again.weight @ h)
    return net.out(h.t())


def test_a_large_graph_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search is bounded."""
    monkeypatch.setattr(_weights, "LARGEST", 20)
    net = Net(plain)
    with pytest.raises(SettingError, match="no recurrent layer"):
        probe(net, lambda: net(steps())[-1].sum())


def test_a_deep_graph_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few operations it has: one that Python has looked at is freed by recursion."""
    net = Net(plain)
    loss = net(steps())[-1].sum()
    assert _weights.graph_of([loss]) is not None
    monkeypatch.setattr(_weights, "DEEPEST", 6)
    assert _weights.graph_of([loss]) is None


def test_code_that_unpacks_saved_tensors_is_not_called_by_the_search() -> None:
    """What is saved with hooks of the user's is not looked at."""
    net, asked = Net(plain), []

    def unpack(x: Tensor) -> Tensor:
        asked.append(x)
        return x

    def compute() -> Tensor:
        with torch.autograd.graph.saved_tensors_hooks(lambda x: x, unpack):
            return net(steps())[-1].sum()

    with pytest.raises(SettingError):
        probe(net, compute)
    assert not [x for x in asked if x.shape == (4, 3)]


def train(net: Net, path: Path | None) -> list[Tensor]:
    optimizer = torch.optim.SGD(net.parameters(), 0.1)

    def loop() -> None:
        for _ in range(3):
            optimizer.zero_grad()
            net(functional.dropout(steps(), 0.1)).square().mean().backward()
            optimizer.step()

    torch.manual_seed(3)
    if path is None:
        loop()
    else:
        with watch(net, optimizer, path, every=1) as monitor:
            loop()
            net.told = monitor.seen
    return [*net.parameters(), torch.get_rng_state()]


def test_watching_changes_nothing_and_records_the_reach(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Weights and random numbers are bit for bit those of the plain run; nothing is warned of."""
    net = Net(plain)
    alone, seen = train(Net(plain), None), train(net, tmp_path / "run")
    assert net.told.recurrent
    assert not net.told.untold
    assert all(torch.equal(a, b) for a, b in zip(alone, seen, strict=True))
    run = Run(tmp_path / "run")
    assert run.profile("reach/loop:again").widths.tolist() == [7, 7, 7]
    assert not caplog.records


def test_an_error_in_the_search_costs_the_reach_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told once, and the training is that without us."""

    def fail(*_: Any) -> None:
        raise ValueError("no such graph")

    alone = train(Net(plain), None)
    monkeypatch.setattr(_reader, "graph_of", fail)
    seen = train(Net(plain), tmp_path / "run")
    assert all(torch.equal(a, b) for a, b in zip(alone, seen, strict=True))
    assert len([r for r in caplog.records if "no such graph" in r.getMessage()]) == 1


def test_weights_that_are_dropped_out_at_each_forward() -> None:
    """AWD-LSTM: the weight of a fused layer is a plain tensor while it runs."""
    torch.manual_seed(0)
    layer = nn.LSTM(3, 4).double()
    raw = layer.weight_hh_l0
    del layer._parameters["weight_hh_l0"]
    layer.register_parameter("raw", nn.Parameter(raw.detach()))
    used = []

    def compute() -> Tensor:
        used.append(functional.dropout(layer.raw, 0.5))
        layer.weight_hh_l0 = used[-1]
        return layer.forward(steps())[0][-1].square().sum()

    profile = probe(layer, compute)["l0"]
    h, c, kept = torch.zeros(4, 4).double(), torch.zeros(4, 4).double(), []
    for x in steps():
        gates = functional.linear(x, layer.weight_ih_l0, layer.bias_ih_l0 + layer.bias_hh_l0)
        i, f, g, o = (gates + h @ used[-1].t()).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        kept.append(h)
    back = norms(torch.autograd.grad(h.square().sum(), kept)).mean(1)
    np.testing.assert_allclose(profile.reach, back[::-1] / back[-1], rtol=EXACT)
    assert profile.exact
