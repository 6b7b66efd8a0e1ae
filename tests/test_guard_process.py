"""``backsight run --guard`` and ``watch(…, guard=)``: the guard in loops that are not ours."""

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import backsight
from backsight.cli import main
from backsight.errors import GuardError, SettingError
from backsight.guard import ClipNorm, Guard, Rollback, policies_from
from backsight.monitor import LateRecorder, ProcessMonitor
from backsight.signals import Run
from tests.guarded import Data, Net, backward, nan_at, sgd
from tests.test_run import execute, script

TRAINING = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(2, 6, nonlinearity="relu", batch_first=True)
            self.out = nn.Linear(6, 1)

        def forward(self, x):
            return self.out(self.rnn(x)[0][:, -1])[:, 0]

    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr={lr}, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10, 0.5)
    for i in range(80):
        x = torch.randn(64, 6, 2)
        loss = (model(x) - x[:, -1, 0]).pow(2).mean() * ({bad})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    finite = all(bool(p.isfinite().all()) for p in model.parameters())
    print("finite", finite, schedule.get_last_lr())
    if {tell}:
        print([p.tolist() for p in model.parameters()])
    raise SystemExit({status})
"""


def training(folder: Path, **settings: Any) -> Path:
    given = {"lr": 0.01, "bad": "1.0", "tell": False, "status": 0} | settings
    return script(folder, TRAINING.format(**given))


# -- a script as it is -------------------------------------------------------------------------


def test_a_healthy_script_prints_the_same_weights(tmp_path: Path) -> None:
    path = training(tmp_path, tell=True, status=3)
    plain = execute(path, cwd=tmp_path, observed=False)
    ours = execute("--guard", "safe", path, cwd=tmp_path)
    assert (ours.returncode, ours.stdout) == (plain.returncode, plain.stdout) == (3, plain.stdout)
    assert "finite True" in plain.stdout
    assert "backsight: guard interventions: none" in ours.stderr
    assert Run(tmp_path / "runs/train-1").info["config"]["guard"] == "safe"


def test_a_script_that_explodes_survives(tmp_path: Path) -> None:
    path = training(tmp_path, lr=3.0, bad="float('nan') if i == 30 else 1.0")
    plain = execute(path, cwd=tmp_path, observed=False)
    ours = execute("--guard", "safe", path, cwd=tmp_path)
    assert plain.stdout.startswith("finite False")
    assert ours.stdout == plain.stdout.replace("False", "True")  # the schedule's own rate, too
    assert ours.returncode == plain.returncode == 0
    assert "skip 1 time" in ours.stderr
    run = Run(tmp_path / "runs/train-1")
    assert run.status == "finished"
    assert {"auto", "skip"} <= {event.body["policy"] for event in run.events("act")}
    assert 30 in run.series("act_before/skip").iterations
    assert len(run["loss"]) == 80


def test_at_the_limit_the_script_ends_with_a_sentence(tmp_path: Path) -> None:
    path = training(tmp_path, bad="float('nan') if i > 20 else 1.0")
    ours = execute("--guard", "skip:row=3", path, cwd=tmp_path)
    assert ours.returncode == 1
    assert ours.stdout == ""
    assert "Traceback" not in ours.stderr
    run = Run(tmp_path / "runs/train-1")
    assert run.status == "failed"
    sentence = run.info["reason"].removeprefix("GuardError: ")
    assert run.end_reason == "guard_gave_up"
    assert sentence in ours.stderr
    assert ours.stderr.count(f"backsight: {sentence}\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nonsense", "unknown guard policy 'nonsense': choose from safe, "),
        ("clip=0", "guard policy clip: norm must be a number above 0, not 0.0"),
        ("clip,agc", "guard policies clip and agc both clip"),
        ("skip,skip", "guard policy skip is given twice"),
        ("", "a guard needs at least one policy"),
    ],
)
def test_words_that_make_no_sense_are_one_sentence(
    words: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Before the script begins."""
    monkeypatch.chdir(tmp_path)
    script(tmp_path, "raise SystemExit('must not run')\n")
    assert main(["run", "--guard", words, "train.py"]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not (tmp_path / "runs").exists()


# -- a process ---------------------------------------------------------------------------------


@pytest.fixture
def run_path(tmp_path: Path) -> Path:
    return tmp_path / "run"


class Process:
    """A process that is guarded, and what it recorded."""

    def __init__(self, path: Path, words: str) -> None:
        self.recorder = LateRecorder(path, kind="run", config={})
        self.monitor = ProcessMonitor(self.recorder, every=10, guard=words)
        self.path = path

    def close(self) -> Run:
        self.monitor.close()
        self.recorder.close()
        return Run(self.path)


@pytest.fixture
def process(run_path: Path) -> Iterator[Any]:
    made: list[Process] = []

    def begin(words: str) -> Process:
        made.append(Process(run_path, words))
        return made[0]

    yield begin
    for one in made:
        one.monitor.close()


def step(model: nn.Module, *optimizers: torch.optim.Optimizer, factor: float = 1.0) -> None:
    x = torch.randn(16, 5, 2)
    loss = (model(x) - x[:, -1, 0]).pow(2).mean() * factor
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()


def hooks(optimizer: torch.optim.Optimizer) -> int:
    return len(optimizer._optimizer_step_pre_hooks) + len(optimizer._optimizer_step_post_hooks)


def test_a_second_optimizer_made_later_is_guarded(process: Any) -> None:
    """A script that goes on with another optimizer after a warm-up."""
    running = process("skip")
    model = Net()
    first = sgd(model)
    for _ in range(3):
        step(model, first)
    second = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(3):
        step(model, second)
    step(model, second, factor=float("nan"))
    assert all(p.isfinite().all() for p in model.parameters())
    assert dict(running.monitor.tally) == {"skip": 1}
    assert running.close().events("act")
    assert hooks(first) == hooks(second) == 0


def test_a_model_that_first_runs_inside_a_step_is_guarded(process: Any) -> None:
    """With a closure: the guard is made in the middle of the first step, and begins at the next."""
    running = process("safe")
    model = Net().eval()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)
    x = torch.randn(16, 5, 2)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (model(x) - x[:, -1, 0]).pow(2).mean()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(4)]  # type: ignore[no-untyped-call]
    assert losses[-1] < losses[0]
    assert hooks(optimizer) > 2
    assert running.close().iterations == 4
    assert hooks(optimizer) == 0


def test_a_closure_that_is_evaluated_once_is_guarded(process: Any) -> None:
    """From the second step on, as the model first runs inside the first one."""
    running = process("skip,clip=0.1")
    model = Net()
    optimizer = sgd(model)
    for number in range(5):
        x = torch.randn(16, 5, 2) * (math.nan if number == 3 else 1)

        def closure(x: torch.Tensor = x) -> Any:
            optimizer.zero_grad()
            loss = (model(x) - x[:, -1, 0]).pow(2).mean()
            loss.backward()
            return loss

        optimizer.step(closure)
    assert all(p.isfinite().all() for p in model.parameters())
    run = running.close()
    assert run.iterations == 5
    assert run.series("act_before/skip").iterations.tolist() == [3]
    applied = run.series("grad_norm_applied")
    assert applied.iterations[-2:].tolist() == [2, 4]
    assert applied.values[-2:].tolist() == pytest.approx([0.1, 0.1])
    assert hooks(optimizer) == 0


def test_two_models_are_guarded_each_by_itself(process: Any) -> None:
    running = process("skip,rollback")

    class Judge(Net):
        pass

    maker, judge = Net(), Judge()
    of_maker, of_judge = sgd(maker), sgd(judge)
    for n in range(12):
        step(maker, of_maker)
        step(judge, of_judge, factor=float("nan") if n == 8 else 1.0)
    assert all(p.isfinite().all() for m in (maker, judge) for p in m.parameters())
    run = running.close()
    (act,) = run.events("act")
    assert (act.iteration, act.body["policy"], act.body["model"]) == (8, "skip", "Judge")
    assert run.series("act_before/Judge.skip").iterations.tolist() == [8]
    assert hooks(of_maker) == hooks(of_judge) == 0


def test_all_models_of_an_optimizer_go_back(process: Any) -> None:
    """Encoder and head are called by the script itself: what both remember goes back."""
    process("rollback")

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.out = nn.BatchNorm1d(6), nn.Linear(6, 1)

        def forward(self, h: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.out(self.norm(h))
            return out

    torch.manual_seed(0)
    rnn, head = nn.RNN(2, 6, batch_first=True), Head()
    optimizer = torch.optim.SGD([*rnn.parameters(), *head.parameters()], lr=0.01)
    for n in range(30):
        x = torch.randn(16, 5, 2)
        bad = float("nan") if 20 <= n < 24 else 1.0
        loss = (head(rnn(x * bad)[0][:, -1])[:, 0] - x[:, -1, 0]).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for module in (rnn, head):
        for name, tensor in module.state_dict().items():
            assert tensor.isfinite().all(), name


def test_policies_that_find_nothing_are_told_and_cost_only_the_guard(
    process: Any, caplog: pytest.LogCaptureFixture
) -> None:
    running = process("spectral")
    model = nn.Sequential(nn.Linear(2, 3), nn.Flatten(0))
    optimizer = sgd(model)
    for _ in range(3):
        loss = model(torch.randn(4, 2)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert "Sequential is not guarded: " in caplog.text
    assert "switched off" not in caplog.text
    assert len(running.close()["loss"]) == 3


# -- watch -------------------------------------------------------------------------------------


def train(model: Net, optimizer: torch.optim.Optimizer, steps: int, *bad: int) -> None:
    data, spoil = Data(), nan_at(*bad)
    for _ in range(steps):
        optimizer.zero_grad()
        backward(model, *spoil(*data.draw()))
        optimizer.step()


def test_watch_records_what_the_guard_does(run_path: Path) -> None:
    model = Net()
    optimizer = sgd(model)
    with Guard(model, optimizer, ClipNorm(0.05), *policies_from("skip")) as guard:
        with backsight.watch(model, optimizer, run=run_path, guard=guard):
            train(model, optimizer, 12, 7)
        run = Run(run_path)
        assert [(a.iteration, a.policy) for a in guard.interventions if a.policy == "skip"] == [
            (7, "skip")
        ]
    (skipped,) = [e for e in run.events("act") if e.body["policy"] == "skip"]
    assert skipped.iteration == 7
    assert run.series("act_before/skip").iterations.tolist() == [7]
    clipped = run.series("act_before/clip").iterations
    assert set(clipped) == set(range(12)) - {7}
    assert np.isnan(run["grad_norm"][7])
    np.testing.assert_allclose(
        run["grad_norm"][clipped], run.series("act_before/clip").values, rtol=1e-5
    )
    assert run["grad_norm"][clipped].min() > 0.05
    np.testing.assert_allclose(run.series("grad_norm_applied").values, 0.05, rtol=1e-3)


@pytest.mark.parametrize("first", ["guard", "watch"])
def test_the_rate_is_the_one_applied(first: str, run_path: Path) -> None:
    """Also a guard that is made before its monitor, or handed to it later."""
    model = Net()
    optimizer = sgd(model, lr=0.02)
    if first == "guard":
        guard = Guard(model, optimizer, Rollback())
        monitor = backsight.watch(model, optimizer, run=run_path, guard=guard)
    else:
        monitor = backsight.watch(model, optimizer, run=run_path)
        guard = Guard(model, optimizer, Rollback())
        monitor.protect(guard)
    train(model, optimizer, 30, 20, 21, 22)
    monitor.close()
    run = Run(run_path)
    (at,) = run.series("act_before/rollback").iterations
    assert at == 22
    np.testing.assert_allclose(run["lr"][: at + 1][:20], 0.02, rtol=1e-6)
    np.testing.assert_allclose(run["lr"][at + 1 :], 0.01, rtol=1e-6)
    assert optimizer.param_groups[0]["lr"] == 0.02  # the loop's own
    guard.close()


def test_the_guard_outlives_the_monitor(run_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = Net()
    optimizer = sgd(model)
    guard = Guard(model, optimizer, *policies_from("skip"))
    with backsight.watch(model, optimizer, run=run_path, guard=guard):
        train(model, optimizer, 5)
    with caplog.at_level(logging.WARNING):
        train(model, optimizer, 5, 2)
    assert [(a.iteration, a.policy) for a in guard.interventions] == [(7, "skip")]
    assert guard.loss_of() is None
    assert "switched off" not in caplog.text
    assert all(p.isfinite().all() for p in model.parameters())
    assert Run(run_path).events("act") == []
    guard.close()
    assert hooks(optimizer) == 0


def test_a_guard_may_be_watched_again(tmp_path: Path) -> None:
    model = Net()
    optimizer = sgd(model)
    guard = Guard(model, optimizer, *policies_from("skip"))
    for n in range(2):
        with backsight.watch(model, optimizer, run=tmp_path / str(n), guard=guard):
            train(model, optimizer, 5, 3)
    for n in range(2):
        (act,) = Run(tmp_path / str(n)).events("act")
        assert act.iteration == 3  # of that run


def test_watch_tells_that_the_guard_gave_up(run_path: Path) -> None:
    model = Net()
    optimizer = sgd(model)
    with (
        Guard(model, optimizer, *policies_from("skip:row=3")) as guard,
        pytest.raises(GuardError, match="skipped 3 updates in a row"),
        backsight.watch(model, optimizer, run=run_path, guard=guard),
    ):
        train(model, optimizer, 20, 7, 8, 9)
    run = Run(run_path)
    assert (run.status, run.end_reason) == ("failed", "guard_gave_up")
    assert run.iterations == 10


@pytest.mark.parametrize("wrong", ["safe", Rollback(), object()])
def test_what_is_no_guard_is_refused(wrong: Any, run_path: Path) -> None:
    model = Net()
    with pytest.raises(SettingError, match=r"guard must be a backsight\.Guard, not "):
        backsight.watch(model, sgd(model), run=run_path, guard=wrong)
    assert not run_path.exists()
