"""``watch(deep=N)``: when deep measures are recorded, what they are, and that nothing changes."""

import itertools
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import backsight
from backsight import probe
from backsight.errors import SettingError
from backsight.monitor import ProcessMonitor
from backsight.monitor.sinks import NullRecorder
from backsight.nn import build_cell
from backsight.report import deep_sentences
from backsight.report.figures import FIGURES
from tests.processes import COMMAND
from tests.processes import run as run_command


class Loop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for one in x:
            state = self.cell(one, state)
        assert state is not None
        h: Tensor = state[0]
        return h


class Stack(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.rnn: Any = (
            nn.LSTM(2, 3, 2, dropout=0.5, batch_first=True)
            if kind == "lstm"
            else build_cell(kind, 2, 4)
        )

    def forward(self, x: Tensor) -> Tensor:
        states: Tensor = self.rnn(x.transpose(0, 1))[0]
        return states[:, -1]


def trained(
    model: nn.Module, path: Path, iterations: int = 3, **options: Any
) -> tuple[list[Tensor], Tensor]:
    """The weights and the random numbers after a short training."""
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with backsight.watch(model, optimizer, path, **options):
        for _ in range(iterations):
            optimizer.zero_grad()
            model(torch.randn(10, 2, 2)).square().sum().backward()
            optimizer.step()
    return [weight.detach().clone() for weight in model.parameters()], torch.get_rng_state()


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", ["lstm", "mingru", "cell"])
def test_training_is_the_same_to_the_last_bit(kind: str, tmp_path: Path) -> None:
    def make() -> nn.Module:
        torch.manual_seed(0)
        return Loop() if kind == "cell" else Stack(kind)

    plain, random = trained(make(), tmp_path / "plain", every=1)
    deep, drawn = trained(make(), tmp_path / "deep", every=1, deep=2)
    assert all(torch.equal(one, other) for one, other in zip(plain, deep, strict=True))
    assert torch.equal(random, drawn)
    run, without = backsight.Run(tmp_path / "deep"), backsight.Run(tmp_path / "plain")
    assert not any(name.startswith(("lyapunov", "memory_cap")) for name in without.names)
    names = run.members("lyapunov", profile=True)
    assert len(names) == (1 if kind != "lstm" else 2)
    for name in names:
        assert run.profile(name).iterations.tolist() == [0, 2]
    for name in without.names:
        if "second" not in name:
            np.testing.assert_array_equal(run[name], without[name], name)
    assert len(deep_sentences(run)) == len(names)
    pictures = {entry.key: entry.draw(run) for entry in FIGURES if entry.is_drawn(run)}
    assert len(pictures["lyapunov"].data) == 2 * len(names)  # first and last
    assert [len(line.x) for line in pictures["memory-capacity"].data] == [2] * len(names)


def test_it_is_what_a_probe_of_the_same_iteration_gives(tmp_path: Path) -> None:
    torch.manual_seed(2)
    rnn, x = nn.GRU(2, 3), torch.randn(12, 4, 2)
    found = probe(rnn, lambda: rnn(x)[0][-1].sum(), deep=True)["l0"].deep
    assert found is not None
    assert found.lyapunov is not None
    assert found.capacity is not None
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
    with backsight.watch(rnn, optimizer, tmp_path / "run", every=1, sequences=4, deep=100):
        rnn(x)[0][-1].sum().backward()
        optimizer.step()
    run = backsight.Run(tmp_path / "run")
    np.testing.assert_allclose(
        run.profile("lyapunov/l0").rows[0], found.lyapunov.exponents, rtol=1e-6
    )
    assert run["lyapunov_steps/l0"].tolist() == [found.lyapunov.steps]
    assert run["memory_capacity/l0"].tolist() == pytest.approx([found.capacity.total])


def test_it_falls_on_the_first_sample_from_each_multiple_on(tmp_path: Path) -> None:
    """Also in a training that goes on."""
    rnn = nn.RNN(2, 2)
    trained_at = {"every": 3, "deep": 5}

    def steps(count: int, optimizer: Any) -> None:
        for _ in range(count):
            optimizer.zero_grad()
            rnn(torch.randn(6, 2, 2))[0][-1].sum().backward()
            optimizer.step()

    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.01)
    with backsight.watch(rnn, optimizer, tmp_path / "run", **trained_at) as monitor:  # type: ignore[arg-type]
        steps(8, optimizer)
        state = monitor.state_dict()
    with backsight.watch(rnn, optimizer, state=state, **trained_at):  # type: ignore[arg-type]
        steps(8, optimizer)
    run = backsight.Run(tmp_path / "run")
    assert run.profile("lyapunov/l0").iterations.tolist() == [0, 6, 12, 15]


def test_its_time_is_neither_training_nor_sampling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour passes in each; then nearly no time is left for the iteration."""
    clock = itertools.count(step=3600)
    hours = SimpleNamespace(perf_counter=lambda: float(next(clock)))
    monkeypatch.setattr("backsight.monitor.measurements._deep.time", hours)

    class Spent(backsight.Measurement):
        signals = ("seconds", "sampling")

        def on_iteration_end(self, now: Any) -> None:
            now.record("seconds", now.seconds)
            now.record("sampling", now.spent)

    rnn = nn.RNN(2, 2)
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.01)
    own = [Spent()]
    with backsight.watch(rnn, optimizer, tmp_path / "run", every=1, deep=1, measurements=own):
        rnn(torch.randn(6, 2, 2))[0][-1].sum().backward()
        optimizer.step()
    run = backsight.Run(tmp_path / "run")
    assert run["seconds"][0] == pytest.approx(1e-9)
    assert run["sampling"][0] < 3600


def test_what_is_not_measured_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rnn, attention = nn.RNN(2, 2), nn.TransformerEncoderLayer(2, 1, 4, batch_first=True)
    with caplog.at_level(logging.WARNING, "backsight"):
        for number, (model, x) in enumerate([(rnn, torch.ones(6, 2, 2)),
                                             (attention, torch.randn(2, 6, 2))]):  # fmt: skip
            optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
            with backsight.watch(model, optimizer, tmp_path / f"run{number}", every=1, deep=1):
                for _ in range(2):
                    optimizer.zero_grad()
                    out = model(x)
                    (out[0] if isinstance(out, tuple) else out).sum().backward()
                    optimizer.step()
    told = [one.getMessage() for one in caplog.records if "deep measures" in one.getMessage()]
    assert len(told) == 2
    assert "of l0 are not complete" in told[0]
    assert told[0].endswith("inputs that vary: these are all the same")
    assert told[1].endswith("no layer of this model can be run again from state to state")


@pytest.mark.parametrize("deep", [0, -1, True, 2.5, "often"])
def test_what_is_no_number_of_iterations_is_refused(deep: Any) -> None:
    rnn = nn.RNN(2, 2)
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.01)
    with pytest.raises(SettingError, match="deep must be a whole number of iterations of at"):
        backsight.watch(rnn, optimizer, "never", deep=deep)
    with pytest.raises(SettingError, match="deep must be a whole number"):
        ProcessMonitor(NullRecorder(), deep=deep)


SCRIPT = """
import torch
torch.manual_seed(0)
rnn = torch.nn.RNN(2, 3)
optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
for _ in range(4):
    optimizer.zero_grad()
    rnn(torch.randn(8, 2, 2))[0][-1].sum().backward()
    optimizer.step()
"""


def test_a_script_that_nobody_has_changed_has_them_too(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    own = ["run", "--run", "run", "--every", "2", "--deep"]
    done = run_command([*COMMAND, *own, "2", "script.py"], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = backsight.Run(tmp_path / "run").profile("lyapunov/l0")
    assert rows.iterations.tolist() == [0, 2]
    own[2] = "other"
    wrong = run_command([*COMMAND, *own, "0", "script.py"], cwd=tmp_path)
    assert wrong.returncode == 2
    assert "deep must be a whole number of iterations of at least 1" in wrong.stderr
