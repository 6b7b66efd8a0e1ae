"""Why a gradient is exactly zero: a detached state is told from units that pass nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backsight import probe
from backsight.probes import Catcher, GradientProfile, replay
from backsight.report import reach_sentences
from backsight.signals import Recorder, Run

STEPS, AT = 6, 3
"""The state is detached before step 3: the gradient of the last step reaches lag 2."""


def cut(state: Any) -> Any:
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def looped(cell: Callable[..., Any], x: Tensor, *, detach: bool) -> Tensor:
    """The last state of a loop over a cell."""
    state = None
    for t, step in enumerate(x):
        given = cut(state) if detach and t == AT else state
        state = cell(step) if given is None else cell(step, given)
    last = state[0] if isinstance(state, tuple) else state
    assert isinstance(last, Tensor)
    return last


class Own(nn.Module):
    """A user's own cell."""

    def __init__(self, squash: Callable[[Tensor], Tensor] = torch.tanh) -> None:
        super().__init__()
        self.mix, self.squash = nn.Linear(7, 4), squash

    def forward(self, x: Tensor, state: Tensor | None = None) -> Tensor:
        state = x.new_zeros(len(x), 4) if state is None else state
        mixed: Tensor = self.squash(self.mix(torch.cat([x, state], 1)))
        return mixed


CELLS: dict[str, Callable[[], nn.Module]] = {
    "RNNCell": lambda: nn.RNNCell(3, 4),
    "GRUCell": lambda: nn.GRUCell(3, 4),
    "LSTMCell": lambda: nn.LSTMCell(3, 4),
    "own": Own,
}


def total(output: Tensor) -> Tensor:
    return output.sum()


def one(profiles: dict[str, GradientProfile]) -> GradientProfile:
    (profile,) = profiles.values()
    return profile


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("detach", [True, False])
def test_a_loop_over_a_cell_knows_where_its_graph_ends(name: str, detach: bool) -> None:
    torch.manual_seed(0)
    cell, x = CELLS[name](), torch.randn(STEPS, 2, 3)
    profile = one(
        probe(nn.ModuleDict({"cell": cell}), lambda: looped(cell, x, detach=detach).sum())
    )
    assert profile.graph_end == (STEPS - 1 - AT if detach else STEPS - 1)
    assert profile.cut == (profile.graph_end if detach else None)


@pytest.mark.parametrize(
    "make", [lambda: nn.RNN(3, 4, 2), lambda: nn.GRU(3, 4, 2), lambda: nn.LSTM(3, 4, 2)]
)
@pytest.mark.parametrize("detach", [True, False])
def test_windows_of_a_fused_layer_know_where_their_graph_ends(
    make: Callable[[], nn.Module], detach: bool
) -> None:
    """Three windows of two steps, one backward: the position is the last of them."""
    torch.manual_seed(0)
    layer, x = make(), torch.randn(3, 2, 2, 3)

    def loss() -> Tensor:
        state, total = None, torch.zeros(())
        for window in x:
            output, state = layer(window, state)
            state = cut(state) if detach else state
            total = total + output.sum()
        return total

    for profile in probe(layer, loss).values():
        assert len(profile.reach) == 6
        assert profile.graph_end == (1 if detach else 5)


def test_the_graph_of_a_single_step_loop_goes_through_its_output() -> None:
    """The state is not handed on, the output is: the graph goes on there."""
    torch.manual_seed(0)
    layer, x = nn.RNN(3, 3), torch.randn(1, 2, 3)

    def loss() -> Tensor:
        step, state = x, None
        for _ in range(STEPS):
            step, state = layer(step, None if state is None else state.detach())
        return step.sum()

    profile = one(probe(layer, loss))
    assert (profile.graph_end, profile.cut) == (STEPS - 1, None)


def test_dead_units_leave_the_graph_whole() -> None:
    """A ReLU layer whose bias keeps every unit at zero but in the last step."""
    layer, x = nn.RNN(1, 2, nonlinearity="relu"), torch.zeros(STEPS, 1, 1)
    with torch.no_grad():
        for name, weight in layer.named_parameters():
            weight.fill_({"bias_ih_l0": -0.5, "bias_hh_l0": 0.0}.get(name, 1.0))
    x[-1] = 1.0
    profile = one(probe(layer, lambda: layer(x)[0][-1].sum()))
    np.testing.assert_array_equal(profile.reach, [1, 2, 0, 0, 0, 0])  # W_hh of ones adds two units
    assert (profile.cut, profile.graph_end) == (1, STEPS - 1)


@pytest.mark.parametrize("name", ["RNNCell", "own"])
def test_saturated_cells_leave_the_graph_whole_and_are_counted(name: str) -> None:
    """Every state is ±1 in float32, where tanh has no slope left."""
    torch.manual_seed(0)
    cell, x = CELLS[name](), torch.randn(STEPS, 2, 3)
    with torch.no_grad():
        for weight in cell.parameters():
            weight.copy_(torch.where(weight >= 0, 100.0, -100.0))
    profile = one(
        probe(nn.ModuleDict({"cell": cell}), lambda: looped(cell, 1 + x.abs(), detach=False).sum())
    )
    assert profile.saturation == {"": 1.0}
    np.testing.assert_array_equal(profile.reach, [1, 0, 0, 0, 0, 0])
    assert (profile.cut, profile.graph_end) == (0, STEPS - 1)


def test_the_saturation_of_a_cell_is_the_share_of_its_states() -> None:
    torch.manual_seed(0)
    cell, x = nn.GRUCell(3, 4), 5 * torch.randn(STEPS, 2, 3)
    with torch.no_grad():
        cell.weight_ih.mul_(8)
    states: list[Tensor] = []

    def loss() -> Tensor:
        states.clear()
        for step in x:
            states.append(cell(step, states[-1] if states else None))
        return states[-1].sum()

    profile = one(probe(cell, loss))
    share = float(np.mean([(state.detach().abs() > 0.99).float().mean() for state in states]))
    assert 0.1 < share < 0.9
    assert profile.saturation[""] == pytest.approx(share)


def test_a_state_beyond_one_is_no_tanh_state() -> None:
    cell = Own(squash=lambda x: x + 2)
    x = torch.randn(STEPS, 2, 3)
    profile = one(probe(nn.ModuleDict({"cell": cell}), lambda: looped(cell, x, detach=False).sum()))
    assert profile.saturation == {}
    relu = nn.RNNCell(3, 4, nonlinearity="relu")
    profile = one(probe(relu, lambda: looped(relu, x, detach=False).sum()))
    assert profile.saturation == {}


def test_an_embedded_input_does_not_know_where_its_graph_ends() -> None:
    model, x = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1)), torch.randn(2, 5, 3)
    profile = one(probe(model, lambda: model(x).square().sum(), inputs="0"))
    assert (profile.cut, profile.outcome) == (0, "ok")  # no step depends on another one
    assert profile.graph_end is None


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("numbers", "norms", "words"),
    [
        ({"graph_end/l0": 2.0}, None, "on, because the state is detached there (iteration 0)."),
        ({"graph_end/l0": 4.0}, None, "on, although the graph goes on (iteration 0)."),
        (
            {"graph_end/l0": 4.0, "saturation/l0": 0.97},
            None,
            "on, although the graph goes on: 97 % of the units are saturated (iteration 0).",
        ),
        (
            {"graph_end/l0": 4.0, "saturation/l0.input": 1.0, "saturation/l0.forget": 0.95},
            None,
            "on, although the graph goes on: at least 95 % of the values of each gate are "
            "saturated (iteration 0).",
        ),
        (
            {"graph_end/l0": 4.0, "saturation/l0.input": 1.0, "saturation/l0.forget": 0.5},
            [1, 0, 0, 1, 1],
            "on, although the graph goes on: no unit is active at 2 of the steps (iteration 0).",
        ),
        (
            {"graph_end/l0": -1.0},
            None,
            "on; a graph that ends there and units that pass no gradient look alike at an embedded "
            "input (iteration 0).",
        ),
        ({}, None, "from lag 3 on (iteration 0)."),  # an earlier version
    ],
)
def test_the_closing_sentence_names_the_cause(
    run_path: Path, numbers: dict[str, float], norms: list[float] | None, words: str
) -> None:
    with Recorder(run_path) as recorder:
        recorder.profile("reach/l0", 0, [1.0, 0.5, 0.25, 0, 0])
        recorder.scalars(0, numbers)
        if norms is not None:
            recorder.profile("hidden_norm/l0", 0, norms)
    (sentence,) = reach_sentences(Run(run_path))
    assert sentence.endswith(words)


@pytest.mark.parametrize("kind", ["RNN", "LSTM"])
@pytest.mark.parametrize("read", ["output", "final"])
def test_a_loss_on_one_column_of_a_batch_is_followed_there(kind: str, read: str) -> None:
    """Of 20 columns 5 are followed, evenly spaced; the loss reads another one."""
    torch.manual_seed(0)
    layer: nn.RNNBase = getattr(nn, kind)(3, 4)
    x = torch.randn(STEPS, 20, 3)

    def loss() -> Tensor:
        output, final = layer(x)
        state = final if kind == "RNN" else final[0]
        column = output[:, -1] if read == "output" else state[:, -1]
        return total(column)

    catcher = Catcher(0)
    catcher.before("layer", layer)
    output = layer(x)
    catcher.after("layer", layer, (x,), {}, output)
    state = output[1] if kind == "RNN" else output[1][0]
    total(output[0][:, -1] if read == "output" else state[:, -1]).backward()  # type: ignore[no-untyped-call]
    calls = catcher.take()
    assert calls[0].sequences.tolist() == [19]
    followed = one(replay(calls))
    whole = one(probe(layer, loss))
    np.testing.assert_allclose(followed.reach, whole.reach, rtol=1e-5)
    assert followed.outcome == "ok"


def test_evenly_spaced_sequences_stay_so_where_any_has_a_gradient() -> None:
    layer, x, catcher = nn.RNN(3, 4), torch.randn(STEPS, 20, 3), Catcher(0)
    catcher.before("layer", layer)
    output = layer(x)
    catcher.after("layer", layer, (x,), {}, output)
    total(output[0][:, 4:6]).backward()  # type: ignore[no-untyped-call]
    assert catcher.take()[0].sequences.tolist() == [0, 4, 8, 12, 16]


@pytest.mark.parametrize("kind", ["fused", "cell", "own"])
def test_an_underflow_is_told_as_one(kind: str) -> None:
    """One unit that decays by 2**-60 a step: the third number is below any of float32."""
    layers: dict[str, nn.Module] = {
        "fused": nn.RNN(1, 1, nonlinearity="relu", bias=False),
        "cell": nn.RNNCell(1, 1, nonlinearity="relu", bias=False),
        "own": Decay(),
    }
    layer, x = layers[kind], torch.ones(STEPS, 1, 1)
    for weight in layer.parameters():
        weight.data.fill_(2.0**-60)
    if kind != "own":
        next(layer.parameters()).data.fill_(1.0)

    def loss() -> Tensor:
        if kind == "fused":
            return total(layer(x)[0][-1])
        return total(looped(layer, x, detach=False))

    profile = one(probe(layer, loss))
    np.testing.assert_array_equal(profile.reach, [1, 2.0**-60, 2.0**-120, 0, 0, 0])
    assert (profile.graph_end, profile.underflow) == (STEPS - 1, True)
    assert "detached" not in profile.summary


class Decay(nn.Module):
    """``h' = x + w h``."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        return x + (0 if h is None else self.weight * h)


def test_an_underflow_in_one_step_is_no_cut() -> None:
    """In float16, 2**-20 a step: 2**-40 is no number there."""
    layer, x = Decay().half(), torch.ones(STEPS, 1, 1, dtype=torch.float16)
    layer.weight.data.fill_(2.0**-20)
    profile = one(probe(layer, lambda: looped(layer, x, detach=False).sum()))
    np.testing.assert_array_equal(profile.reach, [1, 2.0**-20, 0, 0, 0, 0])
    assert profile.underflow
    assert profile.summary.endswith(
        "from lag 2 on, because it underflows: it is smaller than any number of its dtype"
    )


@pytest.mark.parametrize("name", ["GRUCell", "own"])
def test_a_cut_is_no_underflow(name: str) -> None:
    torch.manual_seed(0)
    cell, x = CELLS[name](), torch.randn(STEPS, 2, 3)
    profile = one(probe(nn.ModuleDict({"cell": cell}), lambda: looped(cell, x, detach=True).sum()))
    assert not profile.underflow
    assert profile.summary.endswith("from lag 3 on, because the state is detached there")


class ReLU(nn.Module):
    """A user's own: unit 0 is always alive, and the loss reads unit 1, which lives on itself."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(2))

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        before = x.new_zeros(1, 2) if h is None else h
        return torch.relu(x + before @ self.weight.T)


@pytest.mark.parametrize("kind", ["fused", "cell", "own"])
def test_some_dead_units_leave_the_graph_whole(kind: str) -> None:
    """At step 3 a large negative input kills unit 1, and unit 0 is active throughout."""
    layers: dict[str, nn.Module] = {
        "fused": nn.RNN(2, 2, nonlinearity="relu", bias=False),
        "cell": nn.RNNCell(2, 2, nonlinearity="relu", bias=False),
        "own": ReLU(),
    }
    layer, x = layers[kind], torch.ones(STEPS, 1, 2)
    for weight in layer.parameters():
        weight.data.copy_(torch.eye(2))
    x[3, 0, 1] = -100

    def loss() -> Tensor:
        state = layer(x)[0][-1] if kind == "fused" else looped(layer, x, detach=False)
        return total(state[:, 1])

    profile = one(probe(layer, loss))
    np.testing.assert_array_equal(profile.reach, [1, 1, 1, 0, 0, 0])
    assert profile.inactive == pytest.approx(1 / 12)
    assert profile.summary.endswith(
        "from lag 3 on, although the graph goes on: 8 % of the states are exactly 0, where ReLU "
        "passes no gradient"
    )


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "RNNCell", "LSTMCell"])
def test_a_state_that_begins_anew_is_no_detached_one(kind: str) -> None:
    """A mask resets the first of two sequences before step 3."""
    torch.manual_seed(0)
    layer, x = getattr(nn, kind)(3, 4), torch.randn(STEPS, 2, 3)

    def loss() -> Tensor:
        state: Any = None
        output = torch.zeros(())
        for t, step in enumerate(x):
            if t == 3:
                mask = torch.tensor([[0.0], [1.0]])
                held = state if isinstance(state, tuple) else (state,)
                state = tuple(part * mask for part in held)
                state = state if "LSTM" in kind else state[0]
            if kind.endswith("Cell"):
                state = layer(step, state)
                output = state[0] if isinstance(state, tuple) else state
            else:
                output, state = layer(step[None], state)
        return total(output)

    profile = one(probe(layer, loss))
    assert (profile.begun, profile.cut, profile.graph_end) == (0.5, None, STEPS - 1)
    assert "detached" not in profile.summary


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"underflow/l0": 1.0}, "on, because it underflows: it is smaller than any number of its "
         "dtype (iteration 0)."),
        ({"inactive/l0": 0.25}, "on, although the graph goes on: 25 % of the states are exactly "
         "0, where ReLU passes no gradient (iteration 0)."),
        ({"begun_anew/l0": 1.0}, "on, because the state begins anew there (iteration 0)."),
    ],
)  # fmt: skip
def test_the_closing_sentence_tells_the_causes_apart(
    run_path: Path, numbers: dict[str, float], words: str
) -> None:
    with Recorder(run_path) as recorder:
        recorder.profile("reach/l0", 0, [1.0, 0.5, 0.25, 0, 0])
        recorder.scalars(0, {"graph_end/l0": 4.0} | numbers)
    (sentence,) = reach_sentences(Run(run_path))
    assert sentence.endswith(words)


def test_the_closing_sentence_counts_sequences_that_begin_anew(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        recorder.profile("reach/l0", 0, [1.0, 0.5, 0.25])
        recorder.scalars(0, {"graph_end/l0": 2.0, "begun_anew/l0": 0.5})
    (sentence,) = reach_sentences(Run(run_path))
    assert "; in 50 % of the sequences the state begins anew within the window" in sentence
