"""What the monitor records is right, and watching changes nothing."""

import itertools
import math
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from backsight.errors import SettingError
from backsight.monitor import Monitor
from backsight.probes import FusedReader, gradient_norm, hidden_norms
from backsight.signals import CATALOGUE, Recorder, Run, describe, family

KINDS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class Net(nn.Module):
    """A recurrent layer with dropout and a head, as users write them."""

    def __init__(self, kind: str = "rnn", **options: object) -> None:
        super().__init__()
        settings = {"batch_first": True, "num_layers": 2, "dropout": 0.3, **options}
        self.rnn = KINDS[kind](3, 5, **settings)
        self.head = nn.Linear(5 * (2 if self.rnn.bidirectional else 1), 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs, _ = self.rnn(x)
        predictions: Tensor = self.head(outputs)
        return predictions


def steps(
    model: nn.Module, optimizer: torch.optim.Optimizer, count: int, monitor: Monitor | None = None
) -> None:
    """A loop of the user's own, which clips, and tells a monitor."""
    for i in range(count):
        x = torch.randn(4, 7 if i % 2 else 9, 3)
        loss = model(x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        if monitor:
            monitor.backward_ended(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        optimizer.step()
        if monitor:
            monitor.iteration_ended(seq_len=x.shape[1], tokens=28)


def observed(model: Net, path: Path, count: int = 12, every: int = 50) -> Run:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with Recorder(path) as recorder, Monitor(model, optimizer, recorder, every=every) as monitor:
        steps(model, optimizer, count, monitor)
    return Run(path)


@pytest.mark.some(1)
@pytest.mark.parametrize("kind", KINDS)
def test_observing_leaves_parameters_optimizer_and_rng_bit_identical(
    kind: str, tmp_path: Path
) -> None:
    def train(watch: bool) -> tuple[list[bytes], bytes]:
        torch.manual_seed(0)
        model = Net(kind)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        with Recorder(tmp_path / "run") if watch else nullcontext() as recorder:
            monitor = Monitor(model, optimizer, recorder, every=3) if recorder else None
            steps(model, optimizer, 60, monitor)
            if monitor:
                monitor.close()
        state = optimizer.state_dict()["state"]
        tensors = [*model.parameters(), *(t for s in state.values() for t in s.values())]
        return [
            t.detach().numpy().tobytes() for t in tensors
        ], torch.get_rng_state().numpy().tobytes()

    assert train(watch=True) == train(watch=False)


def test_every_recorded_signal_has_a_definition(run_path: Path) -> None:
    run = observed(Net(), run_path, every=2)
    assert {"loss", "grad_norm", "grad_norm_applied", "lr", "momentum", "seq_len"} <= set(run.names)
    for name in run.names:
        signal = describe(name)
        assert signal is not None
        assert signal.is_profile == run.is_profile(name)
        assert signal.per is not None or "/" not in name


def test_the_catalogue_is_complete_in_itself() -> None:
    for name, signal in CATALOGUE.items():
        assert name == signal.name == family(name)
        assert all((signal.title, signal.formula, signal.unit, signal.reduction, signal.cost))
        assert signal.source
        assert signal.axes[0] == "iteration"


def sum_of_squares(model: nn.Module) -> float:
    """Of all gradients, element by element."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    return float(sum(v * v for g in gradients for v in g.flatten().tolist()))


def test_numbers_equal_a_slow_reference_in_float64(run_path: Path) -> None:
    """Loss, both gradient norms and the hidden norms, recomputed by loops over elements."""
    torch.manual_seed(1)
    model = Net("gru", dropout=0.0).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    expected: dict[str, list[float]] = {"loss": [], "grad_norm": [], "grad_norm_applied": []}
    means, maxima, profiles = [], [], []
    with Recorder(run_path) as recorder, Monitor(model, optimizer, recorder, every=2) as monitor:
        for _ in range(5):
            x = torch.randn(4, 6, 3, dtype=torch.float64)
            loss = model(x).square().mean()
            optimizer.zero_grad()
            loss.backward()
            monitor.backward_ended(loss)
            with torch.no_grad():
                states = model.rnn(x)[0].tolist()
            norms = [[math.sqrt(sum(v * v for v in h)) for h in sequence] for sequence in states]
            means.append(sum(map(sum, norms)) / 24)
            maxima.append(max(map(max, norms)))
            profiles.append([sum(column) / 4 for column in zip(*norms, strict=True)])
            expected["loss"].append(loss.item())
            expected["grad_norm"].append(math.sqrt(sum_of_squares(model)))
            nn.utils.clip_grad_norm_(model.parameters(), 0.05)
            expected["grad_norm_applied"].append(math.sqrt(sum_of_squares(model)))
            optimizer.step()
            monitor.iteration_ended(seq_len=6, tokens=24)
    run = Run(run_path)
    for name, values in expected.items():
        np.testing.assert_allclose(run[name], values, rtol=1e-12)
    np.testing.assert_allclose(run["hidden_norm_mean/rnn.l1"], means, rtol=1e-12)
    np.testing.assert_allclose(run["hidden_norm_max/rnn.l1"], maxima, rtol=1e-12)
    profile = run.profile("hidden_norm/rnn.l1")
    assert profile.iterations.tolist() == [0, 2, 4]
    np.testing.assert_allclose(profile.rows, profiles[::2], rtol=1e-12)
    assert run["lr"].tolist() == [0.1] * 5
    assert run["momentum"].tolist() == [0.5] * 5
    assert run["seq_len"].tolist() == [6.0] * 5


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (kind, options)
        for kind in KINDS
        for options in (
            {"batch_first": True},
            {"batch_first": False},
            {"bidirectional": True},
            {"bidirectional": True, "batch_first": True, "num_layers": 2},
            *([{"proj_size": 2}] if kind == "lstm" else []),
        )
    ],
)
@pytest.mark.parametrize("how", ["batched", "unbatched", "packed"])
def test_hidden_norms_of_every_kind_of_output(
    kind: str, options: dict[str, object], how: str
) -> None:
    """Against loops over time, sequence and unit, by the lengths that were given."""
    torch.manual_seed(2)
    layer = KINDS[kind](3, 4, **options).double()
    lengths = {"batched": [5, 5, 5], "unbatched": [5], "packed": [2, 5, 3]}[how]
    sequences = [torch.randn(n, 3, dtype=torch.float64) for n in lengths]
    padded = nn.utils.rnn.pad_sequence(sequences, batch_first=layer.batch_first)
    if how == "packed":
        output, _ = layer(
            pack_padded_sequence(padded, torch.tensor(lengths), layer.batch_first, False)
        )
    else:
        output, _ = layer(sequences[0] if how == "unbatched" else padded)
    norms = hidden_norms("enc.rnn", layer, output)

    last = f"enc.rnn.l{layer.num_layers - 1}"
    assert set(norms) == {last, *([f"{last}_reverse"] if layer.bidirectional else [])}
    size = layer.proj_size or layer.hidden_size
    for name, measured in norms.items():
        assert measured.profile is not None
        half = slice(size, None) if name.endswith("_reverse") else slice(0, size)
        states = [layer(s)[0][:, half].tolist() for s in sequences]  # each sequence by itself
        each = [[math.sqrt(sum(v * v for v in h)) for h in sequence] for sequence in states]
        flat = list(itertools.chain(*each))
        by_step = [[s[t] for s in each if t < len(s)] for t in range(max(lengths))]
        np.testing.assert_allclose(measured.profile, [sum(c) / len(c) for c in by_step], rtol=1e-12)
        np.testing.assert_allclose(measured.mean.item(), sum(flat) / len(flat), rtol=1e-12)
        np.testing.assert_allclose(measured.maximum.item(), max(flat), rtol=1e-12)
        assert measured.states == len(flat)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_one_bad_state_is_never_hidden(bad: float) -> None:
    layer = nn.RNN(3, 4, batch_first=True)
    output = torch.zeros(2, 5, 4)
    output[1, 3, 2] = bad
    norms = hidden_norms("", layer, output)["l0"]
    assert norms.profile is not None
    for value in (norms.mean, norms.maximum, norms.profile[3]):
        assert not torch.isfinite(value)
    assert torch.isfinite(norms.profile[:3]).all()


def test_a_norm_is_finite_where_the_numbers_are() -> None:
    """1e25 squared overflows float32; an exploding net must not be called infinite too early."""
    parameter = nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([3e25, 4e25])
    norm = gradient_norm([parameter])
    assert norm is not None
    assert norm.item() == pytest.approx(5e25)
    layer = nn.RNN(3, 2, nonlinearity="relu")
    norms = hidden_norms("", layer, torch.tensor([3e25, 4e25]).expand(5, 1, 2))["l0"]
    assert norms.mean.item() == pytest.approx(5e25)
    projected = nn.LSTM(3, 4, proj_size=2)
    norms = hidden_norms("", projected, torch.tensor([3e25, 4e25]).expand(5, 1, 2))["l0"]
    assert norms.maximum.item() == pytest.approx(5e25)


def test_low_precision_is_measured_in_float32_at_least() -> None:
    layer = nn.RNN(3, 400, batch_first=True)
    states = torch.full((2, 5, 400), 60.0)
    norms = hidden_norms("", layer, states.half())["l0"]  # 60²·400 overflows float16
    assert norms.mean.item() == pytest.approx(1200)
    parameter = nn.Parameter(torch.zeros(400).bfloat16())
    parameter.grad = torch.full((400,), 1.0).bfloat16()
    norm = gradient_norm([parameter])
    assert norm is not None
    assert norm.item() == 20


def test_no_gradient_is_not_a_zero_gradient(run_path: Path) -> None:
    model = Net()
    assert gradient_norm(model.parameters()) is None
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(run_path) as recorder, Monitor(model, optimizer, recorder) as monitor:
        monitor.backward_ended(torch.tensor(1.0))
        optimizer.step()
        monitor.iteration_ended(seq_len=1, tokens=1)
    run = Run(run_path)
    assert "loss" in run
    assert "grad_norm" not in run


def test_a_layer_that_runs_twice_in_an_iteration_counts_once(run_path: Path) -> None:
    torch.manual_seed(0)
    model = Net(dropout=0.0, num_layers=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    short, long = torch.randn(4, 2, 3), torch.randn(4, 8, 3)
    with Recorder(run_path) as recorder, Monitor(model, optimizer, recorder) as monitor:
        (model(short).mean() + model(long).mean()).backward()
        monitor.backward_ended(torch.tensor(0.0))
        monitor.iteration_ended(seq_len=10, tokens=40)
    norms = torch.cat([model.rnn(x)[0].norm(dim=-1).flatten() for x in (short, long)])
    run = Run(run_path)
    assert run["hidden_norm_mean"].tolist() == [pytest.approx(norms.mean().item())]
    assert run["hidden_norm_max"].tolist() == [pytest.approx(norms.max().item())]


def test_validation_is_not_observed(run_path: Path) -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(run_path) as recorder, Monitor(model, optimizer, recorder) as monitor:
        with monitor.paused():
            model(torch.randn(4, 5, 3))
        with torch.no_grad():
            model(torch.randn(4, 5, 3))
        monitor.iteration_ended(seq_len=5, tokens=20)
    assert "hidden_norm_mean" not in Run(run_path)


def test_no_hook_is_left_after_closing_nor_after_an_exception(tmp_path: Path) -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    call, forward = nn.Module.__call__, nn.LSTM.forward

    def hooks() -> int:
        return sum(len(m._forward_hooks) for m in model.modules()) + len(
            optimizer._optimizer_step_pre_hooks
        )

    def fail() -> None:
        with Recorder(tmp_path / "b") as recorder, Monitor(model, optimizer, recorder):
            assert hooks() == 1
            raise KeyError("the user's own")

    assert hooks() == 0
    with Recorder(tmp_path / "a") as recorder, Monitor(model, optimizer, recorder) as monitor:
        assert hooks() == 1
        monitor.close()
        assert hooks() == 0
    with pytest.raises(KeyError):
        fail()
    assert hooks() == 0
    assert nn.Module.__call__ is call
    assert nn.LSTM.forward is forward


def test_a_probe_that_fails_is_switched_off_and_training_goes_on(
    run_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    def broken(*_: object, **__: object) -> None:
        calls.append(1)
        raise RuntimeError("probe bug")

    monkeypatch.setattr(FusedReader, "states", broken)
    run = observed(Net(), run_path, count=5)
    assert len(calls) == 1
    assert caplog.text.count("measuring hidden state of rnn failed and is switched off") == 1
    assert len(run["loss"]) == len(run["grad_norm"]) == 5
    assert "hidden_norm_mean" not in run


def test_holding_a_loss_holds_no_graph(run_path: Path) -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(run_path) as recorder, Monitor(model, optimizer, recorder) as monitor:
        loss = model(torch.randn(4, 5, 3)).mean()
        loss.backward()
        monitor.backward_ended(loss)
        monitor.iteration_ended(seq_len=5, tokens=20)
        kept = [item.value for item in monitor._outbox._waiting]
        assert kept
        assert all(v.grad_fn is None and not v.requires_grad for v in kept)


def test_values_stay_on_the_device_until_they_are_collected(
    run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No read-back in a step: Tensor.item, cpu, numpy and float are never reached in one."""
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a value was read back inside a step")

    with (
        Recorder(run_path) as recorder,
        Monitor(model, optimizer, recorder, iteration=600) as monitor,
    ):  # no iteration in which it is looked at how the training is wired
        monitor._outbox._collected = math.inf  # never due
        for module in [m for name, m in sys.modules.items() if name.startswith("backsight.")]:
            if hasattr(module, "on_host"):
                monkeypatch.setattr(module, "on_host", lambda _: False)
        steps(model, optimizer, 1, monitor)  # sampled
        with monkeypatch.context() as patch:
            for name in ("item", "cpu", "numpy", "tolist", "__float__", "__bool__"):
                patch.setattr(Tensor, name, forbidden)
            patch.setattr(nn.utils, "clip_grad_norm_", lambda *_: None)
            steps(model, torch.optim.SGD(model.parameters()), 2, monitor)
        assert monitor.switched_off == ()
    assert len(Run(run_path)["loss"]) == 3


def test_every_must_be_positive(run_path: Path) -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(run_path) as recorder, pytest.raises(SettingError, match="at least 1"):
        Monitor(model, optimizer, recorder, every=0)
