"""Which models of a process train together, and where each training is recorded."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from backsight import Run, watch
from backsight.diagnosis import diagnose
from backsight.monitor import LateRecorder, ProcessMonitor
from backsight.monitor._trainings import ALONE, THROWN
from backsight.monitor.events import IterationDetector, ObservedParameters
from backsight.monitor.events._first_calls import BARE
from tests import processes


class Net(nn.Module):
    def __init__(self, units: int = 4) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRU(3, units), nn.Linear(units, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.rnn(x)[0][-1])
        return out


class Judge(Net):
    pass


class Observed:
    """A process under observation, and its runs."""

    def __init__(self, folder: Path, every: int = 2) -> None:
        self.recorders = [LateRecorder(folder / "run-1", kind="run", config={})]
        self.folder = folder
        self.monitor = ProcessMonitor(self.recorders[0], every=every, further=self.further)

    def further(self) -> LateRecorder:
        path = self.folder / f"run-{len(self.recorders) + 1}"
        self.recorders.append(LateRecorder(path, kind="run", config={}))
        return self.recorders[-1]

    def close(self) -> None:
        self.monitor.close()
        for recorder in self.recorders:
            recorder.close()

    @property
    def runs(self) -> list[Run]:
        return [Run(recorder.path) for recorder in self.recorders if recorder.began]


@contextmanager
def observed(folder: Path, **settings: Any) -> Iterator[Observed]:
    torch.manual_seed(0)
    process = Observed(folder, **settings)
    try:
        yield process
    finally:
        process.close()


BACKWARD_BEGINS = IterationDetector.backward_begins


def step(model: nn.Module, optimizer: Any, steps: int = 6) -> None:
    optimizer.zero_grad()
    model(torch.randn(steps, 2, 3)).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize("other", [False, True])
def test_a_model_whose_optimizer_never_steps_is_recorded_at_the_end(
    other: bool, tmp_path: Path
) -> None:
    """Unless another one has stepped: then its gradients may be what that one wanted."""
    with observed(tmp_path) as process:
        net, judge = Net(), Judge()
        optimizer, judging = SGD(net.parameters(), lr=0.1), SGD(judge.parameters(), lr=0.1)
        for _ in range(THROWN + 2):
            optimizer.zero_grad()
            net(torch.randn(6, 2, 3)).square().mean().backward()
            if other:
                step(judge, judging)
    (run,) = process.runs
    assert (run.iterations == THROWN + 2) or other


def numbered(run: Run, name: str = "loss") -> list[int]:
    return [int(iteration) for iteration in run.series(name).iterations]


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("moved", "zeroed"), [(False, True), (True, True), (False, False)],
    ids=["stands still", "moved by hand", "by the optimizer's zero_grad"],
)  # fmt: skip
def test_a_model_that_was_made_anew_after_its_optimizer(
    moved: bool, zeroed: bool, tmp_path: Path
) -> None:
    """The optimizer steps on the old one, which no loss asks any more."""
    with observed(tmp_path, every=1) as process:
        model = Net()
        optimizer = SGD(model.parameters(), lr=0.1)
        model = Net()
        for _ in range(34):
            if zeroed:
                model.zero_grad()
            step(model, optimizer)
            with torch.no_grad():
                for parameter in model.parameters() if moved else ():
                    assert parameter.grad is not None
                    parameter.sub_(0.1 * parameter.grad)
    (run,) = process.runs
    told = [one for one in diagnose(run).findings if one.code == "BKS409"]
    assert [one.severity for one in told] == ([] if moved else ["error"])
    assert moved or "holds 6 that are in no loss" in told[0].message


def test_a_layer_that_is_made_inside_of_a_forward_is_no_training(tmp_path: Path) -> None:
    class Anew(Net):
        def forward(self, x: Tensor) -> Tensor:
            answers: Tensor = nn.Linear(4, 1)(super().forward(x).expand(-1, 4))
            return answers

    with observed(tmp_path, every=1) as process:
        model = Anew()
        optimizer = SGD(model.parameters(), lr=0.1)
        for _ in range(34):
            step(model, optimizer)
    (run,) = process.runs
    assert numbered(run) == list(range(34))


def test_wrappers_that_are_made_in_each_call_are_not_watched_one_by_one(tmp_path: Path) -> None:
    """As a solver does around the function that it integrates; parts that are called one by one
    each bring parameters of their own."""

    class Around(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: Tensor) -> Tensor:
            answers: Tensor = self.inner(x)
            return answers

    with observed(tmp_path, every=1) as process:
        parts = [nn.Linear(3, 3) for _ in range(5)]
        head = Net()
        optimizer = SGD([p for one in (*parts, head) for p in one.parameters()], lr=0.1)
        for _ in range(8):
            optimizer.zero_grad()
            x = torch.randn(6, 2, 3)
            for part in parts:
                x = Around(part)(part(x))
            head(x).square().mean().backward()
            optimizer.step()
        assert process.monitor.seen.models == {"Linear": 5, "Net": 1, "Around": 3}
    (run,) = process.runs
    assert numbered(run) == list(range(8))


# -- one training after another --------------------------------------------------------------------


@pytest.mark.parametrize("each", [1, 5], ids=["each step", "each phase"])
def test_a_new_optimizer_over_the_same_model_goes_on_counting(each: int, tmp_path: Path) -> None:
    with observed(tmp_path) as process:
        model = Net()
        for number in range(20):
            if number % each == 0:
                optimizer = SGD(model.parameters(), lr=0.1 / (1 + number))
            step(model, optimizer)
        (group,) = process.monitor._groups  # the work of a step does not grow
        assert len(group.monitor._observed.detector._handles) <= 2
    (run,) = process.runs
    assert numbered(run) == numbered(run, "grad_norm_applied") == list(range(20))
    rates = [0.1 / (1 + number - number % each) for number in range(20)]
    np.testing.assert_allclose(run["lr"], rates)
    assert [event.iteration for event in run.events("optimizer")] == list(range(each, 20, each))
    assert {event.body["class"] for event in run.events("optimizer")} == {"SGD"}


def test_trainings_one_after_the_other_have_a_run_each(tmp_path: Path) -> None:
    lengths = [ALONE + 3, 12, 1, 2, ALONE - 1, 9, 1, 1]  # also many that are short: a grid search
    with observed(tmp_path) as process:
        for count in lengths:
            model = Net()
            optimizer = SGD(model.parameters(), lr=0.1)
            for _ in range(count):
                step(model, optimizer)
    assert [numbered(run) for run in process.runs] == [list(range(count)) for count in lengths]
    for run in process.runs:
        assert "reach/rnn.l0" in run.names  # unlabelled: it is alone in its run
        assert run.status == "finished"
        assert len(run.events("models")) == 1


@pytest.mark.long
def test_models_that_are_kept_do_not_keep_every_run_open(tmp_path: Path) -> None:
    kept = []
    with observed(tmp_path) as process:
        for _ in range(11):
            model = Net()
            optimizer = SGD(model.parameters(), lr=0.1)
            kept.append((model, optimizer))
            for _ in range(ALONE):
                step(model, optimizer)
        assert len(process.monitor._trainings._groups) <= 9
    assert [numbered(run) for run in process.runs] == [list(range(ALONE))] * 11


def test_models_whose_steps_alternate_are_one_training_under_their_names(tmp_path: Path) -> None:
    with observed(tmp_path) as process:
        maker, judge = Net(), Judge()
        of_maker, of_judge = (SGD(m.parameters(), lr=0.1) for m in (maker, judge))
        for _ in range(7):
            step(maker, of_maker)
            step(judge, of_judge)
            step(judge, of_judge)
    (run,) = process.runs
    assert numbered(run, "loss/Net") == list(range(7))
    assert numbered(run, "loss/Judge") == list(range(14))
    assert {"reach/Net.rnn.l0", "reach/Judge.rnn.l0"} <= set(run.names)
    assert "loss" not in run.names
    assert {name for event in run.events("models") for name in event.body} == {"Net", "Judge"}


def test_a_parameter_that_no_model_holds_has_a_name_beside_models(tmp_path: Path) -> None:
    """The temperature of SAC is learned first, then its critic."""
    with observed(tmp_path) as process:
        model = Net()
        temperature: Any = nn.Parameter(torch.zeros(1))
        optimizers = [SGD([temperature], lr=0.1), SGD(model.parameters(), lr=0.1)]
        for _ in range(7):
            optimizers[0].zero_grad()
            (temperature - 1).square().sum().backward()
            optimizers[0].step()
            step(model, optimizers[1])
    (run,) = process.runs
    assert numbered(run, "loss/parameters") == numbered(run, "loss/Net") == list(range(7))
    assert "loss" not in run.names


def test_a_model_that_takes_turns_later_joins_the_run(tmp_path: Path) -> None:
    """It began while the first one paused, and was taken for a training of its own at most then."""
    with observed(tmp_path) as process:
        first, second = Net(), Judge()
        of_first, of_second = (SGD(m.parameters(), lr=0.1) for m in (first, second))
        for _ in range(6):
            step(first, of_first)
        for _ in range(8):
            step(second, of_second)
            step(first, of_first)
    (run,) = process.runs
    assert numbered(run) == list(range(14))
    assert numbered(run, "loss/Judge") == list(range(8))


def test_threads_that_train_have_a_run_each(tmp_path: Path) -> None:
    with observed(tmp_path) as process:

        def work(count: int) -> None:
            model = Net()
            optimizer = SGD(model.parameters(), lr=0.1)
            for _ in range(count):
                step(model, optimizer)

        threads = [threading.Thread(target=work, args=(count,)) for count in (9, 12, 15)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(numbered(run) for run in process.runs) == [
        list(range(count)) for count in (9, 12, 15)
    ]


def test_an_optimizer_may_be_made_in_another_thread_than_the_one_it_trains_in(
    tmp_path: Path,
) -> None:
    """And what that one was not called in costs it no event."""
    with observed(tmp_path) as process:
        model, waiting = Net(), Net()
        optimizer, idle = SGD(model.parameters(), lr=0.1), SGD(waiting.parameters(), lr=0.1)

        def work() -> None:
            for _ in range(9):
                step(model, optimizer)

        thread = threading.Thread(target=work)
        with patch.object(IterationDetector, "backward_begins", autospec=True) as told:
            told.side_effect = BACKWARD_BEGINS
            thread.start()
            thread.join()
        assert told.call_count == 9
        step(waiting, idle)
    assert sorted(map(numbered, process.runs)) == [[0], list(range(9))]


def test_a_pass_of_another_thread_that_was_under_way_does_not_count() -> None:
    """It began while nothing was to be seen of this training, and ends when there is."""
    begun, goes_on = threading.Event(), threading.Event()

    def wait(gradient: Tensor) -> None:
        begun.set()
        goes_on.wait(10)

    def pass_by() -> None:
        x = torch.ones(1, requires_grad=True) * 2
        x.register_hook(wait)  # type: ignore[no-untyped-call]
        x.sum().backward()  # type: ignore[no-untyped-call]

    model, observer = nn.Linear(3, 1), Mock(measuring=False)
    parameters, optimizer = ObservedParameters(), SGD(model.parameters(), lr=0.1)
    parameters.add(optimizer)
    detector = IterationDetector(
        observer, parameters, automatic=True, clock=time.perf_counter, paused=True
    )
    thread = threading.Thread(target=pass_by)
    thread.start()
    begun.wait(10)
    detector.paused = False
    goes_on.set()
    thread.join()
    observer.backward_ended.assert_not_called()
    model(torch.zeros(1, 3)).sum().backward()
    observer.backward_ended.assert_called_once()
    detector.close()


CHILDREN = """
import multiprocessing, sys
import torch

def work(seed):
    torch.manual_seed(seed)
    model = torch.nn.LSTM(3, 4)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(8 + seed):
        model(torch.randn(5, 2, 3))[0].square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    if seed == 1:
        sys.exit(3)

if __name__ == "__main__":
    how = multiprocessing.get_context(sys.argv[1])
    children = [how.Process(target=work, args=(seed,)) for seed in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    work(2)
    print([child.exitcode for child in children])
"""


def execute(*words: str, cwd: Path) -> Any:
    return processes.run([sys.executable, "-m", "backsight", *words], cwd=cwd)


@pytest.mark.parametrize("how", ["fork", pytest.param("spawn", marks=pytest.mark.long)])
def test_a_child_that_trains_has_a_run_of_its_own(how: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(CHILDREN)
    done = execute("run", "--every", "4", "train.py", how, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[0, 3]"]
    assert "3 trainings: runs/train-1 to runs/train-3" in done.stderr
    runs = [Run(tmp_path / f"runs/train-{number}") for number in (1, 2, 3)]
    assert sorted(run.iterations for run in runs) == [8, 9, 10]
    assert sorted(str(run.end_reason) for run in runs) == ["completed", "completed", "error"]
    assert len({run.info["config"]["group"] for run in runs}) == 1
    listed = execute("runs", cwd=tmp_path).stdout
    assert "train-1 … train-3 (3" in listed
    assert "train-2" in execute("runs", "--all", cwd=tmp_path).stdout


# -- no optimizer of PyTorch's ---------------------------------------------------------------------


def by_hand(model: nn.Module, iterations: int = 9) -> list[float]:
    losses = []
    for _ in range(iterations):
        model.zero_grad()
        loss = model(torch.randn(6, 2, 3)).square().mean()
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for parameter in model.parameters():
                assert parameter.grad is not None
                parameter.sub_(0.1 * parameter.grad)
    return losses


def check_by_hand(run: Run, losses: list[float]) -> None:
    assert numbered(run) == list(range(len(losses)))
    np.testing.assert_allclose(run["loss"], losses, 1e-6)
    assert numbered(run, "grad_norm") == list(range(len(losses)))
    assert "reach/rnn.l0" in run.names
    ratios, norms = run["update_ratio/head.weight"], run["grad_norm/head.weight"]
    weights = run["weight_norm/head.weight"]
    np.testing.assert_allclose(ratios, 0.1 * norms / weights, rtol=0.1)
    assert "lr" not in run.names


def test_updates_by_hand_are_iterations(tmp_path: Path) -> None:
    with observed(tmp_path) as process:
        losses = by_hand(Net())
    (run,) = process.runs
    check_by_hand(run, losses)


class Built(Net):
    """Builds itself in its second call, as Keras does: the first one only asks for shapes."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.called = 0

    def forward(self, x: Tensor) -> Tensor:
        self.called += 1
        if self.called == 2:
            self.rnn, self.head = nn.GRU(3, 4), nn.Linear(4, 1)
        return x[-1] if self.called == 1 else super().forward(x)


def test_a_model_that_builds_itself_when_called_is_observed(tmp_path: Path) -> None:
    with observed(tmp_path) as process:
        model, activation = Built(), nn.Tanh()
        for _ in range(2):
            model(activation(torch.randn(6, 2, 3)))
        losses = by_hand(model)
        asked = process.monitor._first._bare
        for _ in range(30):
            activation(torch.zeros(1))
        assert asked[activation] == BARE
    (run,) = process.runs
    assert numbered(run) == numbered(run, "grad_norm") == list(range(9))
    np.testing.assert_allclose(run["loss"], losses, 1e-6)
    assert "reach/rnn.l0" in run.names


def test_a_guard_of_updates_by_hand_says_why_it_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import torch\n"
        "model = torch.nn.LSTM(3, 4)\n"
        "for _ in range(3):\n"
        "    model.zero_grad()\n"
        "    model(torch.randn(5, 2, 3))[0].square().mean().backward()\n"
    )
    done = execute("run", "--guard", "safe", "train.py", cwd=tmp_path)
    assert done.returncode == 0
    assert "guard interventions: none, because no optimizer of PyTorch moves a model" in done.stderr
    assert "runs/train-1: 3 iterations" in done.stderr


def test_watch_takes_no_optimizer_where_there_is_none(run_path: Path) -> None:
    torch.manual_seed(0)
    model = Net()
    with watch(model, None, run_path, every=2):
        losses = by_hand(model)
    check_by_hand(Run(run_path), losses)


def test_a_model_that_ran_before_it_had_an_optimizer_is_one_training(tmp_path: Path) -> None:
    with observed(tmp_path) as process:
        model = Net()
        model(torch.randn(6, 2, 3))  # to see its shape, say
        optimizer = SGD(model.parameters(), lr=0.1)
        for _ in range(5):
            step(model, optimizer)
    (run,) = process.runs
    assert numbered(run) == list(range(5))


def test_a_model_that_only_answers_leaves_nothing(tmp_path: Path) -> None:
    with observed(tmp_path) as process:
        for _ in range(5):
            Net()(torch.randn(6, 2, 3))
    assert process.runs == []
    assert not list(tmp_path.iterdir())


# -- what is no part of the training ---------------------------------------------------------------


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_forward_that_no_backward_follows_does_not_count(mode: str, run_path: Path) -> None:
    torch.manual_seed(0)
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1) as monitor:
        for number in range(6):
            if number % 2:
                getattr(model, mode)()
                model(1000 * torch.randn(90, 1, 3))  # text that is sampled, without no_grad
                model.train()
            step(model, optimizer, steps=10)
        assert monitor.iteration in (5, 6)
    run = Run(run_path)
    assert run["seq_len"].tolist() == [10] * 6
    assert {len(row) for row in run.profile("hidden_norm").rows} == {10}
    assert run["hidden_norm_max"].max() < 2  # not that of the large inputs


def test_what_is_frozen_on_purpose_is_no_finding(run_path: Path) -> None:
    torch.manual_seed(0)
    model = Net()
    model.head.requires_grad_(False)
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1):
        for _ in range(12):
            step(model, optimizer)
    assert "BKS402" not in {finding.code for finding in diagnose(run_path).findings}
    assert "update_ratio/rnn.weight_hh_l0" in Run(run_path).names


# -- wrappers --------------------------------------------------------------------------------------


class Accelerated(torch.optim.Optimizer):
    """As Accelerate wraps an optimizer: it is one by its class, and was never made as one."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer

    @property
    def param_groups(self) -> Any:  # type: ignore[override]
        return self.optimizer.param_groups

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.optimizer.zero_grad(set_to_none)

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        return self.optimizer.step(closure)


def test_wrapped_models_and_optimizers_are_seen_inside(run_path: Path) -> None:
    torch.manual_seed(0)
    model = Net()
    optimizer = Accelerated(SGD(model.parameters(), lr=0.1))
    with watch(nn.DataParallel(model), optimizer, run_path, every=1):
        for _ in range(4):
            step(model, optimizer)
    run = Run(run_path)
    assert numbered(run, "grad_norm_applied") == list(range(4))
    assert "reach/rnn.l0" in run.names
