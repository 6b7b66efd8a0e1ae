"""``probe(…, deep=True)``: which layers are run again, along what, and that nothing is changed."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

import backsight
from backsight import probe
from backsight.errors import SettingError
from backsight.lab import MemoryEcho, resume, train
from backsight.layers import adapter_of
from backsight.nn import build_cell
from backsight.probes import Diagonal
from backsight.report import deep_sentences, summary
from backsight.report.figures import FIGURES
from tests.test_deep_measures import cell_step, kernel_step, slow_spectrum


def measured(model: nn.Module, compute: Any) -> dict[str, Any]:
    return {name: one.deep for name, one in probe(model, compute, deep=True).items()}


def single(module: Any, end: str) -> Any:
    """One layer and direction of a module, by itself, in float64."""
    weights = {name: w for name, w in module.named_parameters() if name.endswith(end)}
    kind = type(module)
    inputs = weights[f"weight_ih{end}"].shape[1]
    more = {"proj_size": module.proj_size} if kind is nn.LSTM else {}
    alone = kind(inputs, module.hidden_size, **more).double()
    with torch.no_grad():
        for name, weight in weights.items():
            getattr(alone, name.replace(end, "_l0")).copy_(weight)
    return alone


def zeros(module: Any, batch: int) -> tuple[Tensor, ...]:
    sizes = [getattr(module, "proj_size", 0) or module.hidden_size]
    sizes += [module.hidden_size] if isinstance(module, (nn.LSTM, nn.LSTMCell)) else []
    return tuple(torch.zeros(batch, size).double() for size in sizes)


def slow(module: Any, x: Tensor) -> NDArray[np.float64]:
    return slow_spectrum(kernel_step(module), x, zeros(module, x.shape[1]), settle=len(x) // 4)


@pytest.mark.some(2)
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported")
@pytest.mark.parametrize(
    "kind", [lambda **more: nn.RNN(2, 3, **more), lambda **more: nn.GRU(2, 3, **more),
             lambda **more: nn.LSTM(2, 3, proj_size=2, **more)]
)  # fmt: skip
def test_each_layer_of_a_stack_is_measured_on_what_it_is_given(kind: Any) -> None:
    torch.manual_seed(0)
    module, x = kind(num_layers=2, dropout=0.5), torch.randn(9, 2, 2)
    found = measured(module, lambda: module(x)[0][-1].sum())
    low, top = single(module, "_l0"), single(module, "_l1")
    given = {"l0": x.double(), "l1": low(x.double())[0].detach()}
    for name, layer in (("l0", low), ("l1", top)):
        wanted = slow(layer, given[name])
        np.testing.assert_allclose(found[name].lyapunov.exponents, wanted, rtol=0, atol=1e-10)
        assert found[name].lyapunov.steps == 9 - 9 // 4
        assert 0 < found[name].capacity.total < found[name].capacity.units + 0.1


def test_each_direction_is_measured_in_its_own_order_and_sees_both_below() -> None:
    torch.manual_seed(1)
    module, x = nn.GRU(2, 3, num_layers=2, bidirectional=True), torch.randn(8, 2, 2)
    found = measured(module, lambda: module(x)[0].square().sum())
    parts = {end: single(module, end) for end in ("_l0", "_l0_reverse", "_l1", "_l1_reverse")}
    ahead, back = x.double(), x.double().flip(0)
    y = torch.cat([parts["_l0"](ahead)[0], parts["_l0_reverse"](back)[0].flip(0)], -1).detach()
    given = {"_l0": ahead, "_l0_reverse": back, "_l1": y, "_l1_reverse": y.flip(0)}
    for end, layer in parts.items():
        exponents = found[end[1:]].lyapunov.exponents
        np.testing.assert_allclose(exponents, slow(layer, given[end]), rtol=0, atol=1e-10)


def test_packed_sequences_count_for_their_own_steps() -> None:
    torch.manual_seed(2)
    module, x, lengths = nn.RNN(2, 3), torch.randn(8, 3, 2), [4, 8, 2]
    packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    found = measured(module, lambda: module(packed)[1].sum())["l0"].lyapunov
    layer, total, counted = module.double(), 0.0, 0
    for b, size in enumerate(lengths):
        if size <= 2:  # the first quarter of the longest does not count
            continue
        own = x[:size, b : b + 1].double()
        part = slow_spectrum(kernel_step(layer), own, zeros(layer, 1), settle=2)
        total, counted = total + part.sum() * (size - 2), counted + size - 2
    assert found.exponents.sum() == pytest.approx(total / counted, abs=1e-10)


def test_a_diagonal_relu_layer_has_the_logarithms_of_its_weights() -> None:
    rnn, x = nn.RNN(1, 2, nonlinearity="relu", bias=False), torch.rand(12, 2, 1) + 0.1
    weights = dict(rnn.named_parameters())
    with torch.no_grad():
        weights["weight_ih_l0"].fill_(1.0)
        weights["weight_hh_l0"].copy_(torch.diag(torch.tensor([0.5, 0.25])))
    found = measured(rnn, lambda: rnn(x)[0][-1].sum())["l0"]
    assert found.lyapunov.exponents == pytest.approx(np.log([0.5, 0.25]), abs=1e-12)
    assert "the gradient halves every step, as measured; a linear readout" in found.words()


class Steps(nn.Module):
    """A cell, and a module of the user's own that is called once a step."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.own = nn.LSTMCell(2, 3), Own()

    def forward(self, x: Tensor) -> Tensor:
        state = (torch.zeros(x.shape[1], 3), torch.zeros(x.shape[1], 3))
        own: Tensor = torch.zeros(x.shape[1], 2)
        for one in x:
            state = self.cell(one, state)
            own = self.own(state[0], own)
        return own


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.dropout = nn.Linear(5, 2), nn.Dropout(0.5)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        return torch.tanh(self.linear(torch.cat([self.dropout(x), state], 1)))


@pytest.mark.parametrize("batch", [1, 3])
def test_cells_and_modules_called_once_a_step_are_run_again_in_float64(batch: int) -> None:
    torch.manual_seed(3)
    model, x = Steps(), torch.randn(8, batch, 2)
    model.own.dropout.p = 0.0  # what the module was given is what the run has made
    found = measured(model, lambda: model(x).sum())
    twin = Steps().double()
    twin.load_state_dict(model.state_dict())
    state = zeros(twin.cell, batch)
    wanted = slow_spectrum(cell_step(twin.cell), x.double(), state, settle=2)
    np.testing.assert_allclose(found["cell"].lyapunov.exponents, wanted, rtol=0, atol=1e-10)
    made: list[tuple[Tensor, Tensor]] = []
    for one in x:  # in the dtype of the run: these are the inputs of the other module
        pair = model.cell(one, made[-1] if made else None)
        made.append(pair)
    given = torch.stack([h.detach() for h, _ in made]).double()
    twin.own.eval()
    begin = (torch.zeros(batch, 2).double(),)
    wanted = slow_spectrum(cell_step(twin.own), given, begin, settle=2)
    np.testing.assert_allclose(found["own"].lyapunov.exponents, wanted, rtol=0, atol=1e-10)


def test_a_last_state_that_no_loss_reads_is_left_out() -> None:
    """The step that makes it has an input, too, which counts as little."""
    torch.manual_seed(3)
    own, x = Own(), torch.randn(9, 4, 3)
    own.dropout.p = 0.0

    def loss(steps: int, read: int) -> Tensor:
        states = [torch.zeros(4, 2)]
        for one in x[:steps]:
            states.append(own(one, states[-1]))
        return states[read].sum()

    whole = measured(nn.ModuleDict({"own": own}), lambda: loss(9, -2))["own"]
    short = measured(nn.ModuleDict({"own": own}), lambda: loss(8, -1))["own"]
    assert whole.reasons == ()
    assert whole.capacity is not None
    assert short.capacity is not None
    assert whole.capacity.total == pytest.approx(short.capacity.total)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_diagonal_recurrence_has_the_logarithms_of_its_decays(batch: int) -> None:
    torch.manual_seed(7)
    rnn, x = build_cell("mingru", 2, 3), torch.randn(batch, 8, 2)
    found = measured(rnn, lambda: rnn(x)[0][:, -1].sum())["l0"]
    layer = next(part for part in rnn.modules() if adapter_of(part) is not None).double()
    adapter = adapter_of(layer)
    assert isinstance(adapter, Diagonal)
    decays = adapter.decays(layer, x.double()).detach().expand(batch, 8, 3)
    wanted = np.sort(decays[:, 2:].log().mean((0, 1)).numpy())[::-1]
    np.testing.assert_allclose(found.lyapunov.exponents, wanted, rtol=0, atol=1e-12)


def test_the_model_is_left_as_it_was_and_the_profiles_are_the_same() -> None:
    torch.manual_seed(4)
    model, x = Steps(), torch.randn(7, 2, 2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    plain = probe(model, lambda: model(x).sum())
    deep = probe(model, lambda: model(x).sum(), deep=True)
    assert torch.equal(torch.get_rng_state(), random)
    assert model.training
    assert all(part.training for part in model.modules())
    assert all(weight.grad is None and weight.dtype == torch.float32 for weight in
               model.parameters())  # fmt: skip
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    for name, profile in plain.items():
        assert profile.deep is None
        np.testing.assert_array_equal(profile.reach, deep[name].reach)
        assert deep[name].summary == profile.summary
    assert not any(part._forward_hooks for part in model.modules())


class Loop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(x.shape[1], 3)
        for one in x:
            h = torch.tanh(self.linear(torch.cat([one, h], 1)))
        return h


def test_what_cannot_be_run_again_says_so() -> None:
    torch.manual_seed(5)
    x, loop = torch.randn(6, 2, 2), Loop()
    (found,) = measured(loop, lambda: loop(x).sum()).values()
    assert found.lyapunov is None
    assert found.words() == (
        "the layer cannot be run again step by step, so that it has no deep measures"
    )
    blocks = nn.Sequential(nn.Embedding(5, 4), nn.Conv1d(6, 6, 1), nn.Linear(4, 2))
    tokens = torch.randint(5, (3, 6))
    told = measured(blocks, lambda: blocks(tokens)[:, -1].sum())
    assert {one.words().partition(",")[0] for one in told.values()} == {
        "it hands no state on from step to step"
    }
    constant = nn.RNN(2, 3)
    found = measured(constant, lambda: constant(torch.ones(6, 2, 2))[0][-1].sum())["l0"]
    assert found.lyapunov.outcome == "ok"
    assert found.words().endswith("inputs that vary: these are all the same")


def test_large_layers_are_followed_for_fewer_steps_and_sequences(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rnn, x = nn.RNN(2, 3), torch.randn(40, 4, 2)
    monkeypatch.setattr("backsight.probes._deep.WORK", 27.0 * 20)
    assert measured(rnn, lambda: rnn(x)[0][-1].sum())["l0"].lyapunov.steps == 15
    monkeypatch.setattr("backsight.probes._deep.WORK", 27.0 * 15)
    found = measured(rnn, lambda: rnn(x)[0][-1].sum())["l0"]
    assert found.lyapunov is None
    monkeypatch.setattr("backsight.probes._deep.WORK", 1e11)
    monkeypatch.setattr("backsight.probes._deep.STEPS", 16)
    assert measured(rnn, lambda: rnn(x)[0][-1].sum())["l0"].lyapunov.steps == 12
    assert "of 3 units would take too long" in found.words()


def test_a_state_that_is_not_finite_is_told_as_such() -> None:
    rnn, x = nn.RNN(2, 3), torch.randn(6, 2, 2)
    x[3, 0, 0] = math.nan
    found = measured(rnn, lambda: rnn(x)[0].sum())["l0"]
    assert found.lyapunov.outcome == "not finite"
    assert "the Lyapunov exponents are not finite" in found.words()


def watched(path: Path, *, deep: bool) -> tuple[list[Tensor], Any]:
    """A short training, and what ``monitor.deep`` returned on the way."""
    torch.manual_seed(6)
    model, found = nn.RNN(2, 3), None
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(12, 2, 2)
    with backsight.watch(model, optimizer, path, every=1) as monitor:
        for iteration in range(3):
            if deep and iteration == 2:
                found = monitor.deep(lambda: model(x)[0][-1].sum())
            optimizer.zero_grad()
            model(x + torch.randn(2))[0][-1].square().sum().backward()
            optimizer.step()
    return [weight.detach().clone() for weight in model.parameters()], found


def test_a_monitor_records_them_and_the_report_says_what_they_mean(tmp_path: Path) -> None:
    plain, _ = watched(tmp_path / "plain", deep=False)
    weights, found = watched(tmp_path / "deep", deep=True)
    assert all(torch.equal(one, other) for one, other in zip(weights, plain, strict=True))
    run, without = backsight.Run(tmp_path / "deep"), backsight.Run(tmp_path / "plain")
    for name in without.names:
        if "second" not in name:
            np.testing.assert_array_equal(run[name], without[name], name)
    deep = found["l0"].deep
    rows = run.profile("lyapunov/l0")
    assert rows.iterations.tolist() == [1]  # the next one begins with its forward pass
    np.testing.assert_allclose(rows.rows[0], deep.lyapunov.exponents, rtol=1e-6)
    assert run["lyapunov_steps/l0"].tolist() == [9]
    assert run["memory_capacity/l0"].tolist() == pytest.approx([deep.capacity.total])
    (sentence,) = deep_sentences(run)
    assert sentence.startswith("l0: the largest Lyapunov exponent is -")
    assert sentence.endswith("(iteration 1).")
    assert sentence in summary(run)
    assert deep_sentences(without) == []
    drawn = {entry.key for entry in FIGURES if entry.is_drawn(run)}
    assert "lyapunov" in drawn
    assert "lyapunov" not in {entry.key for entry in FIGURES if entry.is_drawn(without)}


def test_the_figure_tells_what_it_cannot_draw(tmp_path: Path) -> None:
    with backsight.Recorder(tmp_path / "run") as recorder:
        recorder.profile("lyapunov/l0", 1, [-0.5, -1.0, -math.inf])
        recorder.profile("lyapunov/l0", 5, [math.nan] * 3)
        recorder.scalars(5, {"lyapunov_steps/l0": 9.0})
    run = backsight.Run(tmp_path / "run")
    (entry,) = (one for one in FIGURES if one.key == "lyapunov")
    first, last = (line for line in entry.draw(run).data if line.name)
    assert [*first.y[:2]] == [-0.5, -1.0]
    assert not np.isfinite(last.y).any()
    words = str(entry.draw(run).layout.annotations)
    assert "l0 first: 1 are −∞" in words
    assert "l0 last: 3 not finite" in words
    assert deep_sentences(run) == ["l0: the Lyapunov exponents are not finite (iteration 5)."]


def test_a_monitor_without_one_model_says_what_to_call(tmp_path: Path) -> None:
    weight = nn.Parameter(torch.zeros(1))
    with backsight.Recorder(tmp_path / "run") as recorder:
        monitor = backsight.Monitor(None, torch.optim.SGD([weight], lr=0.1), recorder)
        with monitor, pytest.raises(SettingError, match=r"call backsight\.probe\(model, comp"):
            monitor.deep(lambda: weight.sum())


def test_the_trainer_records_them_and_trains_on_as_before(tmp_path: Path) -> None:
    """Also where it is stopped on the way, and goes on."""
    small: dict[str, Any] = {
        "length": 6, "lag": 2, "hidden": 4, "batch": 4, "every": 5, "device": "cpu",
        "validate_sequences": 8, "report": False,
    }  # fmt: skip
    whole = train(MemoryEcho(**small, iterations=21, deep=10, run=tmp_path / "whole"))
    plain = train(MemoryEcho(**small, iterations=21, run=tmp_path / "plain"))
    train(MemoryEcho(**small, iterations=12, deep=10, run=tmp_path / "parts"))
    parts = resume(tmp_path / "parts", 21)
    assert [*whole["loss"]] == [*plain["loss"]]
    assert plain.members("lyapunov", profile=True) == ()
    rows = whole.profile("lyapunov/rnn.l0")
    assert len(rows.iterations) == 3
    assert np.diff(rows.iterations).tolist() == [10, 10]
    again = parts.profile("lyapunov/rnn.l0")
    assert again.iterations.tolist() == rows.iterations.tolist()
    np.testing.assert_array_equal(again.rows, rows.rows)
    with pytest.raises(SettingError, match="--deep must be a multiple of --every, which is 5"):
        MemoryEcho(**small, deep=12)
