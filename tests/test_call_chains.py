"""Calls of what is called once a step: those that no backward pass comes through do not count."""

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from backsight import Run, watch
from backsight.monitor.events import CallChains
from tests.test_trainings import observed

CELLS: dict[str, Any] = {"LSTM": nn.LSTMCell, "GRU": nn.GRUCell, "RNN": nn.RNNCell}


class Own(nn.Module):
    """A step of the user's own."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.map = nn.Linear(inputs + units, units)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        new = torch.tanh(self.map(torch.cat([x, state], -1)))
        return 2 * new, new


class Text(nn.Module):
    """A loop of the user's own over a cell."""

    def __init__(self, kind: str, kept: float = 1.0) -> None:
        super().__init__()
        self.embed, self.head = nn.Linear(3, 3), nn.Linear(4, 3)
        self.cell = CELLS.get(kind, Own)(3, 4)
        self.kind, self.kept = kind, kept

    def start(self, batch: int, state: Tensor | None = None) -> Any:
        state = torch.zeros(batch, 4) if state is None else state
        return (state, state) if self.kind == "LSTM" else state

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        new = self.cell(self.embed(x), state)
        out, new = new if self.kind == "own" else (new[0] if self.kind == "LSTM" else new, new)
        if self.kept < 1:
            new = tuple(self.kept * s for s in new) if self.kind == "LSTM" else self.kept * new
        return self.head(out), new

    def learn(self, optimizer: SGD, state: Any) -> float:
        losses = []
        for x in torch.randn(10, 2, 3):
            out, state = self.step(x, state)
            losses.append(out.square().mean())
        optimizer.zero_grad()
        loss = torch.stack(losses).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.item()

    def sample(self, state: Any) -> Any:
        """90 steps with gradients that nobody asks for."""
        x = torch.randn(1, 3)
        for _ in range(90):
            x, state = self.step(x, state)
        return state

    def train_and_sample(self, optimizer: SGD) -> list[float]:
        losses = []
        for number in range(30):
            if number % 10 == 0:
                self.sample(self.start(1))
            losses.append(self.learn(optimizer, self.start(2)))
        return losses


def made(kind: str, kept: float) -> tuple[Text, SGD]:
    torch.manual_seed(0)
    model = Text(kind, kept)
    return model, SGD(model.parameters(), lr=0.1)


@pytest.mark.some(1)
@pytest.mark.parametrize(
    ("kind", "kept", "how"),  # of the user's own, a state changed on its way is not known as such
    [
        ("LSTM", 1.0, "watch"),
        ("own", 1.0, "process"),
        ("GRU", 0.9, "process"),
        *(
            pytest.param(kind, kept, how, marks=pytest.mark.long)
            for kind, kept, how in [
                ("LSTM", 1.0, "process"),
                ("own", 1.0, "watch"),
                ("GRU", 0.9, "watch"),
                ("GRU", 1.0, "watch"),
                ("GRU", 1.0, "process"),
                ("RNN", 1.0, "watch"),
                ("RNN", 1.0, "process"),
                ("LSTM", 0.9, "watch"),
                ("LSTM", 0.9, "process"),
            ]
        ),
    ],
)
def test_text_that_is_sampled_does_not_count(
    how: str, kind: str, kept: float, tmp_path: Path
) -> None:
    model, optimizer = made(kind, kept)
    expected = model.train_and_sample(optimizer)
    weights, random = model.state_dict(), torch.get_rng_state()
    if how == "watch":
        model, optimizer = made(kind, kept)
        with watch(model, optimizer, tmp_path / "run-1", every=1):
            losses = model.train_and_sample(optimizer)
    else:
        with observed(tmp_path, every=1):
            model, optimizer = made(kind, kept)
            losses = model.train_and_sample(optimizer)
    assert losses == expected
    assert torch.equal(torch.get_rng_state(), random)
    assert all(map(torch.equal, weights.values(), model.state_dict().values()))

    run = Run(tmp_path / "run-1")
    assert run["seq_len"].tolist() == [10] * 30
    assert {len(row) for row in run.profile("hidden_norm/cell").rows} == {10}
    assert set(run.profile("reach/cell").widths) == {10}


def test_a_state_of_another_module_begins_a_chain(run_path: Path) -> None:
    """What is sampled and what is trained on both begin with a gradient, of an encoder."""
    model, _ = made("GRU", 1.0)
    encoder = nn.Linear(3, 4)
    optimizer = SGD([*model.parameters(), *encoder.parameters()], lr=0.1)
    with watch(nn.ModuleList([model, encoder]), optimizer, run_path, every=1):
        for _ in range(6):
            model.sample(encoder(torch.randn(1, 3)))
            model.learn(optimizer, encoder(torch.randn(2, 3)))
    assert Run(run_path)["seq_len"].tolist() == [10] * 6


def test_a_state_that_goes_on_from_the_training_is_sampled_all_the_same(run_path: Path) -> None:
    model, optimizer = made("GRU", 1.0)
    with watch(model, optimizer, run_path, every=1):
        for _ in range(6):
            state = model.start(1)
            for x in torch.randn(10, 1, 3):
                out, state = model.step(x, state)
            out.sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
            model.sample(state)  # in the next iteration, whose pass does not come through it
    assert Run(run_path)["seq_len"].tolist() == [10] * 6


def test_no_graph_is_kept(run_path: Path) -> None:
    model, optimizer = made("GRU", 1.0)
    with watch(model, optimizer, run_path, every=1000):
        model.learn(optimizer, model.start(2))
        first = model.step(torch.randn(1, 3), model.start(1))[1]
        last = model.sample(first)
        saved = weakref.ref(first)  # the next step's derivative is made of it
        del first
        assert saved() is not None
        del last
        gc.collect()
        assert saved() is None


def follow(chains: CallChains, cell: nn.GRUCell, state: Tensor | None) -> tuple[Any, Tensor]:
    x = torch.ones(1, 3)
    new: Tensor = cell(x, state)
    return chains.follow((x, state), {}, new), new


def test_sequences_may_take_turns() -> None:
    cell, chains = nn.GRUCell(3, 4), CallChains(cell=True)
    states: list[Tensor | None] = [None, None, None]
    found: list[list[Any]] = [[], [], []]
    for _ in range(4):
        for which in range(3):
            followed, states[which] = follow(chains, cell, states[which])
            found[which].append(followed)
    second = states[1]
    assert second is not None
    second.sum().backward()  # type: ignore[no-untyped-call]
    assert [[one.by_backward for one in each] for each in found] == [
        [False] * 4,
        [True] * 4,
        [False] * 4,
    ]


@pytest.mark.parametrize("how", ["detach", "detach_", "data"])
def test_a_state_that_is_detached_begins_a_chain(how: str) -> None:
    cell, chains = nn.GRUCell(3, 4), CallChains(cell=True)
    first, state = follow(chains, cell, None)
    state = state.data if how == "data" else getattr(state, how)()
    second, state = follow(chains, cell, state)
    third, state = follow(chains, cell, state)
    state.sum().backward()  # type: ignore[no-untyped-call]
    assert [one.by_backward for one in (first, second, third)] == [False, True, True]


def test_what_hands_nothing_on_passes_for_followed() -> None:
    """It is not known to be a loop, and costs no hook."""
    layer, chains = nn.Linear(3, 3), CallChains(cell=False)
    x = torch.ones(1, 3)
    result = layer(x)
    assert chains.follow((x,), {}, result).by_backward
    assert result.grad_fn is not None
    followed = chains.follow((result,), {}, layer(result))  # now it is
    assert not followed.by_backward
    result.sum().backward()
    assert followed.by_backward
