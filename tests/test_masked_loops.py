"""Loops over cells in which sequences begin later, sit steps out, or run in both directions.

Against autograd on the states of one sequence at a time, in float64.
"""

# mypy: disable-error-code="no-untyped-call"

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backsight import GradientProfile, probe
from backsight.errors import SettingError

BEGINS = [[3, 0, 5, 1], [0, 1, 1, 0], [4, 2, 0, 6], [1, 0, 0, 1]]
STEPS = 9


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


class Step(nn.Module):
    """A user's own step, which may keep the state of rows that sit it out."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.again = nn.Linear(3, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor, h: Tensor, takes_part: Tensor | None = None) -> Tensor:
        new = torch.tanh(self.into(x) + self.again(h))
        return new if takes_part is None else torch.where(takes_part, new, h)


class Net(nn.Module):
    """A loop over a cell, of which the loss reads the last states."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.own, cells = Step(), {"gru": nn.GRUCell(3, 4), "lstm": nn.LSTMCell(3, 4)}
        self.cell = cells.get(kind) or self.own
        self.out = nn.Linear(4, 2)
        self.double()

    def zeros(self, rows: int) -> list[Tensor]:
        return [torch.zeros(rows, 4).double()] * (2 if self.kind == "lstm" else 1)

    def step(self, x: Tensor, state: list[Tensor]) -> list[Tensor]:
        if self.kind == "graph":  # no call of a module
            return [torch.tanh(self.own.into(x) + self.own.again(state[0]))]
        made = self.cell(x, tuple(state) if self.kind == "lstm" else state[0])
        return [*made] if self.kind == "lstm" else [made]

    def masked(self, x: Tensor, takes_part: Tensor, mask: str) -> Tensor:
        """The last states of ``(T, B, 3)``, each sequence taking part in some steps."""
        state = self.zeros(x.shape[1])
        for row, part in zip(x, takes_part[..., None], strict=True):
            state = self.masked_step(row, state, part, mask)
        return state[0]

    def masked_step(self, x: Tensor, state: list[Tensor], part: Tensor, mask: str) -> list[Tensor]:
        if self.kind == "inside":
            return [self.cell(x, state[0], part)]
        return [
            torch.where(part, new, old) if mask == "where" else part * new + ~part * old
            for new, old in zip(self.step(x, state), state, strict=True)
        ]

    def grown(self, x: Tensor, begins: Sequence[int], first: bool = True) -> Tensor:
        """The same of sequences that join later, behind those that are there, or before them."""
        state = self.zeros(0)
        for t, rows in enumerate(x):
            more = self.zeros(sum(begin == t for begin in begins))
            state = [
                torch.cat([a, b] if first else [b, a]) if len(b) else a
                for a, b in zip(state, more, strict=True)
            ]
            state = self.step(rows[: len(state[0])], state)
        return state[0]

    def loss(self, last: Tensor) -> Tensor:
        loss: Tensor = self.out(last).square().sum()
        return loss

    def states(self, x: Tensor) -> list[Tensor]:
        """Of one sequence ``(T, 3)`` by itself."""
        state, made = self.zeros(1), []
        for row in x:
            state = self.step(row[None], state)
            made.append(state[0])
        return made

    def norms(self, x: Tensor) -> list[float]:
        """Of the gradient on its states, the last one first."""
        made = self.states(x)
        return [float(g.norm()) for g in torch.autograd.grad(self.loss(made[-1]), made)][::-1]


def compare(
    profile: GradientProfile, by_lag: list[list[float]], by_step: list[list[float]]
) -> None:
    mean = [np.mean(norms) for norms in by_lag]
    np.testing.assert_allclose(profile.reach, np.divide(mean, mean[0]), rtol=1e-10)
    np.testing.assert_allclose(profile.grad_time, [np.mean(one) for one in by_step], rtol=1e-10)


def check(profile: GradientProfile, curves: Sequence[list[float]], ends: Sequence[int]) -> None:
    """Of sequences with these norms by lag, whose last states were made in these steps."""
    longest = max(map(len, curves))
    by_lag: list[list[float]] = [[] for _ in range(STEPS)]
    by_step: list[list[float]] = [[] for _ in range(STEPS)]
    for curve, end in zip(curves, ends, strict=True):
        for lag, norm in enumerate(curve):
            by_lag[lag].append(norm)
            by_step[end - lag].append(norm)
    compare(profile, by_lag[:longest], by_step)
    assert profile.begun == 0
    assert profile.graph_end == longest - 1


def only(profiles: dict[str, GradientProfile]) -> GradientProfile:
    (profile,) = profiles.values()
    return profile


KINDS = ["gru", "lstm", "graph", "own", "inside"]
"""Cells; a step that is no module; a user's own module that is masked outside, and inside."""


@pytest.mark.some(6)
@pytest.mark.parametrize("begins", BEGINS)
@pytest.mark.parametrize("kind", KINDS)
def test_left_padding(kind: str, begins: list[int]) -> None:
    """A state that is held at its initial value until the row begins is no step."""
    net, x = Net(kind), torch.randn(STEPS, len(begins), 3).double()
    part = torch.arange(STEPS)[:, None] >= torch.tensor(begins)
    found = probe(net, lambda: net.loss(net.masked(x, part, "where")))
    curves = [net.norms(x[begin:, b]) for b, begin in enumerate(begins)]
    check(only(found), curves, [STEPS - 1] * len(begins))


@pytest.mark.parametrize("begins", BEGINS[:2])
@pytest.mark.parametrize("kind", ["gru", "lstm", "graph"])
def test_left_padding_by_a_mask_that_multiplies(kind: str, begins: list[int]) -> None:
    net, x = Net(kind), torch.randn(STEPS, 4, 3).double()
    part = torch.arange(STEPS)[:, None] >= torch.tensor(begins)
    found = probe(net, lambda: net.loss(net.masked(x, part, "times")))
    curves = [net.norms(x[begin:, b]) for b, begin in enumerate(begins)]
    check(only(found), curves, [STEPS - 1] * 4)


@pytest.mark.parametrize("kind", KINDS)
def test_two_directions_in_one_doubled_batch(kind: str) -> None:
    """The reversed rows begin with what is padding at the end of the others."""
    lengths = [9, 2, 6, 3]
    net, x = Net(kind), torch.randn(STEPS, 4, 3).double()
    part = torch.arange(STEPS)[:, None] < torch.tensor(lengths)
    both, taking = torch.cat([x, x.flip(0)], 1), torch.cat([part, part.flip(0)], 1)
    found = probe(net, lambda: net.loss(net.masked(both, taking, "where")))
    forward = [net.norms(x[:length, b]) for b, length in enumerate(lengths)]
    back = [net.norms(x[:length, b].flip(0)) for b, length in enumerate(lengths)]
    ends = [*(length - 1 for length in lengths), *[STEPS - 1] * 4]
    check(only(found), [*forward, *back], ends)


@pytest.mark.parametrize("kind", ["gru", "lstm", "graph"])
def test_a_batch_that_grows(kind: str) -> None:
    """As packed data in reverse order has it."""
    begins = [0, 0, 2, 3, 3, 7]
    net, x = Net(kind), torch.randn(STEPS, len(begins), 3).double()
    found = probe(net, lambda: net.loss(net.grown(x, begins)))
    curves = [net.norms(x[begin:, b]) for b, begin in enumerate(begins)]
    check(only(found), curves, [STEPS - 1] * len(begins))


@pytest.mark.parametrize("kind", ["gru", "lstm", "graph"])
def test_a_batch_whose_sequences_change_their_rows(kind: str) -> None:
    """Which lag a row is at cannot be told; a sentence says so."""
    net, x = Net(kind), torch.randn(STEPS, 4, 3).double()

    def loss() -> Tensor:
        return net.loss(net.grown(x, [0, 0, 2, 4], first=False))

    if kind == "graph":
        with pytest.raises(SettingError, match="its state does not have the same shape at each"):
            probe(net, loss)
        return
    profile = probe(net, loss)["cell"]
    assert not profile.reach.size
    assert "its sequences change their rows; sort them by length" in profile.reason


def test_a_batch_that_loses_its_first_row() -> None:
    net, x = Net("gru"), torch.randn(STEPS, 4, 3).double()

    def loss() -> Tensor:
        """The first sequence has three steps."""
        state, total = net.zeros(4), torch.zeros(()).double()
        for t, rows in enumerate(x):
            if t == 3:
                total = net.loss(state[0][:1])
                state = [state[0][1:]]
            state = net.step(rows[-len(state[0]) :], state)
        return total + net.loss(state[0])

    profile = probe(net, loss)["cell"]
    assert not profile.reach.size
    assert profile.reason == (
        "cell: not measured, because its batch gets smaller or larger on the way, and its "
        "sequences change their rows; sort them by length, or pad the batch"
    )


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_steps_that_a_sequence_sits_out(kind: str) -> None:
    """A lag counts the steps of the loop; what a cell makes of a row that sits it out is none."""
    net, x = Net(kind), torch.randn(STEPS, 4, 3).double()
    part = torch.rand(STEPS, 4) < 0.6
    part[:, 0], part[-2:, 1], part[:2, 2] = True, False, False
    found = only(probe(net, lambda: net.loss(net.masked(x, part, "where"))))
    by_lag: list[list[float]] = [[] for _ in range(STEPS)]
    by_step: list[list[float]] = [[] for _ in range(STEPS)]
    for b in range(4):
        steps = part[:, b].nonzero()[:, 0].flip(0).tolist()
        for t, norm in zip(steps, net.norms(x[part[:, b], b]), strict=True):
            by_lag[steps[0] - t].append(norm)
            by_step[t].append(norm)
    compare(found, by_lag, by_step)
    assert found.begun == 0


@pytest.mark.parametrize(
    ("kind", "mask"), [*((kind, "where") for kind in KINDS), ("graph", "times"), ("lstm", "times")]
)
def test_padding_that_no_loss_reads_is_no_step(kind: str, mask: str) -> None:
    """A loss at every step of each sequence: ``grad_time`` counts these, as of a packed batch."""
    lengths = [9, 2, 6, 3]
    net, x = Net(kind), torch.randn(STEPS, 4, 3).double()
    part = torch.arange(STEPS)[:, None] < torch.tensor(lengths)

    def loss() -> Tensor:
        state, rows = net.zeros(4), []
        for row, here in zip(x, part[..., None], strict=True):
            state = net.masked_step(row, state, here, mask)
            rows.append(state[0])
        return (torch.stack(rows).square() * part[..., None]).sum()

    found = only(probe(net, loss))
    by_step: list[list[float]] = [[] for _ in range(STEPS)]
    for b, length in enumerate(lengths):
        states = net.states(x[:length, b])
        total = torch.stack(states).square().sum()
        for t, gradient in enumerate(torch.autograd.grad(total, states)):
            by_step[t].append(float(gradient.norm()))
    np.testing.assert_allclose(found.grad_time, [np.mean(norms) for norms in by_step], rtol=1e-10)


class Leaky(nn.Module):
    """An integrator, as of a spiking net: its first state is its first input."""

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return 0.5 * h + x


def test_a_first_step_that_makes_the_state_of_its_input() -> None:
    """A step all the same, also of a row whose input is 0, which leaves the initial state."""
    net, x = nn.ModuleDict({"into": nn.Linear(3, 4), "leaky": Leaky()}), torch.randn(6, 4, 3)
    nn.init.zeros_(net["into"].bias)  # type: ignore[arg-type]
    x[0, 1] = 0

    def loss() -> Tensor:
        h = torch.zeros(4, 4)
        for row in x:
            h = net["leaky"](net["into"](row), h)
        return h.sum()

    profile = probe(net, loss)["leaky"]
    np.testing.assert_allclose(profile.reach, 0.5 ** np.arange(6.0), rtol=1e-6)
    np.testing.assert_allclose(profile.grad_time, 2 * 0.5 ** np.arange(6.0)[::-1], rtol=1e-6)
    assert profile.share is None  # all have all lags


class Residual(nn.Module):
    """A step that adds nothing to the state of a row whose units are inactive."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.again = nn.Linear(3, 3), nn.Linear(3, 3)
        nn.init.eye_(self.into.weight)
        self.double()

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return h + torch.relu(self.into(x) + self.again(h))


@pytest.mark.parametrize("called", [True, False])
@pytest.mark.parametrize("quiet", [slice(0, 3), slice(4, 6)])
def test_a_step_whose_units_are_inactive_is_no_step_left_out(called: bool, quiet: slice) -> None:
    net, x = nn.ModuleDict({"own": Residual()}), torch.randn(6, 4, 3).double()
    x[quiet, 1] = -9
    kept: list[Tensor] = []

    def loss() -> Tensor:
        kept[:] = [torch.full((4, 3), 0.1).double()]
        for row in x:
            step = net["own"] if called else net["own"].forward
            kept.append(step(row, kept[-1]))
        return kept[-1].square().sum()

    profile = only(probe(net, loss))
    back = torch.stack(torch.autograd.grad(loss(), kept[1:])).norm(dim=-1).mean(1)
    np.testing.assert_allclose(profile.grad_time, back.numpy(), rtol=1e-10)
    np.testing.assert_allclose(profile.reach, (back.flip(0) / back[-1]).numpy(), rtol=1e-10)
