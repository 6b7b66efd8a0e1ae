"""What observes an iteration that is not sampled: few calls, and fewer hidden norms if need be."""

import math
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from backsight import Measurement, Monitor, Run, diagnose, watch
from backsight.diagnosis import Judge
from backsight.monitor import Iteration
from backsight.monitor.events import Sampler
from backsight.monitor.sinks import NullRecorder
from backsight.probes import tensor_norm_values, tensor_norms
from backsight.probes.fused import FusedReader
from tests.test_watch import Clock, clock

__all__ = ["clock"]

RARELY = 10**6
"""Only the first iteration is sampled."""


class Own(nn.Module):
    """A step of the user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(5, 3)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        return torch.tanh(self.map(torch.cat([x, state], -1)))


class Loop(nn.Module):
    """A loop over a cell."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.cell = Own() if kind == "own" else getattr(nn, f"{kind}Cell")(2, 3)
        self.state: Any = torch.zeros(4, 3)
        if kind == "LSTM":
            self.state = (self.state, self.state)

    def forward(self, x: Tensor) -> Tensor:
        state = self.state
        for step in x:
            state = self.cell(step, state)
        result: Tensor = state[0] if isinstance(state, tuple) else state
        return result


LOOK = 16
"""An iteration that is looked at, and not sampled."""


def calls_of(model: nn.Module, steps: int, path: Path | None, *, look: bool = False) -> int:
    """Calls of Python functions in an iteration: the fewest of some, none of which is sampled; or
    in one that is looked at."""
    optimizer, x = SGD(model.parameters(), lr=0.1), torch.randn(steps, 4, 2)
    counts = []
    calls = 0

    def called(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    def train() -> None:
        optimizer.zero_grad()
        result = model(x)
        (result[0] if isinstance(result, tuple) else result).sum().backward()
        optimizer.step()

    with nullcontext() if path is None else watch(model, optimizer, path, every=RARELY):
        for _ in range(LOOK if look else 20):  # the first 16 are recorded at once
            train()
        for _ in range(1 if look else 4):  # in one or the other, values are brought to the recorder
            calls = 0
            before = sys.getprofile()
            sys.setprofile(called)
            try:
                train()
            finally:
                sys.setprofile(before)
            counts.append(calls)
    return min(counts)


def calls_of_a_step(kind: str, path: Path | None, *, look: bool = False) -> float:
    """Of a loop over a cell."""
    paths = (None, None) if path is None else (path, path.with_name("longer"))
    short, long = (
        calls_of(Loop(kind), n, p, look=look) for n, p in zip((10, 30), paths, strict=True)
    )
    return (long - short) / 20


@pytest.mark.some(1)
@pytest.mark.parametrize(
    ("kind", "most"),
    [
        pytest.param("RNN", 9, marks=pytest.mark.long),
        pytest.param("GRU", 9, marks=pytest.mark.long),
        ("LSTM", 9),
        ("own", 13),
    ],
)
def test_a_call_of_a_cell_is_observed_by_few_calls(kind: str, most: int, run_path: Path) -> None:
    """Of Python functions, beside those that PyTorch and the loop make."""
    assert 0 < calls_of_a_step(kind, run_path) - calls_of_a_step(kind, None) <= most


def test_a_step_of_a_loop_is_looked_at_by_few_calls(run_path: Path) -> None:
    """The graph is walked once for all who look at it, and each operation is found by its name."""
    looked = calls_of_a_step("LSTM", run_path, look=True)
    assert 0 < looked - calls_of_a_step("LSTM", None) <= 180


@pytest.mark.parametrize(
    ("model", "most"), [(lambda: nn.LSTM(2, 3), 130), (lambda: Loop("LSTM"), 275)]
)
def test_a_step_is_observed_by_few_calls(
    model: Callable[[], nn.Module], most: int, run_path: Path
) -> None:
    assert 0 < calls_of(model(), 20, run_path) - calls_of(model(), 20, None) <= most


# -- iterations that are recorded together ---------------------------------------------------


class Kept(NullRecorder):
    """Which iterations have been recorded."""

    def __init__(self) -> None:
        self.losses: list[int] = []

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        self.losses += [iteration] * ("loss" in values)


def fast(
    recorder: Kept, clock: Callable[[], float], **settings: Any
) -> Generator[Monitor, float | None, None]:
    """A training, after each of its iterations: they take no time on that clock."""
    model = nn.RNN(1, 1)
    optimizer = SGD(model.parameters(), lr=1e-9)
    monitor = Monitor(
        model, optimizer, recorder, every=RARELY, automatic=True, clock=clock, **settings
    )
    with monitor:
        while True:
            optimizer.zero_grad()
            scale = yield monitor
            (model(torch.ones(3, 2, 1))[0].sum() * (1.0 if scale is None else scale)).backward()
            optimizer.step()


def test_iterations_that_take_no_time_are_recorded_together() -> None:
    """The first 16 and those that are looked at (0 … 5, 8, 16, 32) at once, with what waits; else
    nothing before the 0.1 s are over. An iteration ends when the next one begins."""
    recorder, now = Kept(), Clock()
    training = fast(recorder, now.perf_counter)
    for _ in range(20):
        monitor = next(training)
    assert recorder.losses == list(range(17))
    for _ in range(10):
        next(training)
    assert recorder.losses == list(range(17))
    now.now += 0.2
    next(training)
    next(training)
    assert recorder.losses == list(range(29))
    next(training)
    next(training)
    assert "loss" in monitor.latest  # which asks for all
    assert recorder.losses == list(range(32))
    training.close()
    assert recorder.losses == list(range(33))


@pytest.mark.parametrize("scale", [math.nan, math.inf])
def test_what_is_not_finite_is_recorded_at_once(scale: float) -> None:
    recorder = Kept()
    training = fast(recorder, Clock().perf_counter)
    for _ in range(22):
        next(training)
    assert recorder.losses == list(range(17))
    training.send(scale)  # iteration 21, which ends when the next one begins
    next(training)
    assert recorder.losses == list(range(22))
    training.close()


@pytest.mark.parametrize(("waits", "told"), [(False, 28), (True, 17)])
def test_a_measurement_of_the_users_own_is_told_of_every_end_at_once(
    waits: bool, told: int
) -> None:
    """Unless it says that it may wait."""

    class Own(Measurement):
        signals = ("own",)
        may_wait = waits

        def on_iteration_end(self, now: Iteration) -> None:
            ended.append(now.number)

    ended: list[int] = []
    training = fast(Kept(), Clock().perf_counter, measurements=[Own()])
    for _ in range(30):
        next(training)
    assert ended == list(range(told))
    training.close()
    assert ended == list(range(29))


# -- hidden norms, where observing takes long -------------------------------------------------


def test_hidden_norms_are_spaced_where_observing_takes_more_than_the_budget() -> None:
    """Of iterations of 1 s: looked at after each hundred, by a mean over about as many."""
    sampler, spacings = Sampler("auto", 0.01), []
    for share in (0.03,) * 6 + (0.0075,) * 4 + (0.0,) * 6:
        for _ in range(100):
            sampler.passed(1.0, share)
        spacings.append(sampler.spacing)
    assert spacings[:5] == [2, 4, 8, 16, 16]
    assert spacings[9] == 16  # below the budget, and above half of it
    assert spacings[-1] == 1


def test_with_an_interval_every_iteration_has_its_norms() -> None:
    sampler = Sampler(50, 0.01)
    for _ in range(500):
        sampler.passed(1.0, 0.5)
    assert sampler.spacing == 1


class Slow:
    """A layer of a watched training: norms take 3 % of an iteration, a sample takes a quarter."""

    def __init__(self, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        def states(*args: Any, **named: Any) -> Any:
            clock.now += 0.03
            return original(*args, **named)

        def replayed(*args: Any, **named: Any) -> Any:
            clock.now += 0.25
            return replay(*args, **named)

        original, replay = FusedReader.states, FusedReader.backward_ended
        monkeypatch.setattr(FusedReader, "states", states)
        monkeypatch.setattr(FusedReader, "backward_ended", replayed)
        self.path, self.clock = path, clock
        self.model = nn.RNN(1, 1, nonlinearity="relu")
        for parameter in self.model.parameters():
            nn.init.constant_(parameter, 1.0)

    def train(
        self, scales: dict[int, float], iterations: int = 400, every: Any = "auto"
    ) -> dict[str, list[int]]:
        """By signal, in which iterations it was recorded; each has an input of 1, or another."""
        optimizer = SGD(self.model.parameters(), lr=1e-9)
        with watch(self.model, optimizer, self.path, every=every):
            for i in range(iterations):
                optimizer.zero_grad()
                x = torch.full((3, 2, 1), scales.get(i, 1.0))
                self.model(x)[0].sum().backward()
                self.clock.now += 1.0
                optimizer.step()
        run = Run(self.path)
        names = ("loss", "grad_norm", "grad_norm_applied", "hidden_norm_max", "hidden_norm_mean")
        return {n: run.series(n).iterations.tolist() for n in names} | {
            "hidden_norm": run.profile("hidden_norm").iterations.tolist(),
            "reach": run.profile("reach").iterations.tolist(),
        }


@pytest.fixture
def slow(run_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Slow:
    return Slow(run_path, clock, monkeypatch)


def test_only_hidden_norms_are_left_out(slow: Slow) -> None:
    at = slow.train({})
    everywhere = list(range(400))
    assert at["loss"] == at["grad_norm"] == at["grad_norm_applied"] == everywhere
    norms = at["hidden_norm_mean"]
    assert norms == at["hidden_norm_max"]
    assert norms[:100] == everywhere[:100]
    assert at["hidden_norm"] == at["reach"]
    for first, spacing in ((100, 2), (200, 4), (300, 8)):
        due = {i for i in everywhere if i % spacing == 0} | set(at["reach"])
        assert [i for i in norms if 0 <= i - first < 100] == sorted(
            i for i in due if 0 <= i - first < 100
        )


def test_with_an_interval_none_is_left_out(slow: Slow) -> None:
    at = slow.train({}, 150, every=100)
    assert at["hidden_norm_mean"] == list(range(150))


def test_a_state_that_is_not_finite_is_never_left_out(slow: Slow) -> None:
    """An input that is finite, and states that overflow: what came first is told."""
    at = slow.train({363: 3e38}, 366)
    assert 363 not in at["reach"]
    assert 362 not in at["hidden_norm_max"]
    run = Run(slow.path)
    assert run["hidden_norm_max"][at["hidden_norm_max"].index(363)] == math.inf
    (first,) = (one for one in diagnose(run).findings if one.code == "BKS201")
    assert first.evidence["came first"] == "the hidden states"


def test_norms_are_whole_for_a_while_once_a_gradient_stands_out(slow: Slow) -> None:
    at = slow.train({351: 20.0}, 390)
    sampled = {i for i in at["reach"] if i > 344}
    late = {i for i in at["hidden_norm_mean"] if i > 344}
    assert late == {*range(352, 382), 384} | sampled
    assert not sampled & {351, 382, 383}


@pytest.mark.parametrize(("grown", "found"), [(1.5, 2004), (1.0, None)])
def test_the_early_warning_works_on_norms_with_gaps(grown: float, found: int | None) -> None:
    """States in every 16th iteration that grow from the 2,000th on; from the 2,002nd, a gradient
    that stands out, after which there are states in every iteration."""
    judge, told = Judge(), []
    for i in range(2_030):
        wave = 1 + 0.01 * math.sin(i)
        values = {"loss": wave, "grad_norm": wave * (6.0 if i >= 2_002 else 1.0)}
        if i % 16 == 0 or i > 2_002:
            values["hidden_norm_mean/rnn.l0"] = wave * (grown if i >= 2_000 else 1.0)
        told += [one.iteration for one in judge.update(i, values) if one.code == "BKS206"]
    # At 2,004, three of the last five gradients have grown, and three of the last five states:
    # those of 2,000, 2,003 and 2,004.
    assert told == ([] if found is None else [found])


# -- many small parameters ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("graph", [False, True])
def test_norms_of_many_small_tensors_are_taken_at_once(
    dtype: torch.dtype, graph: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each equals that of an operation of its own, in float64; and no operation is spent on it."""
    shapes = [(3,), (2, 5), (), (4, 1, 2)] * 50
    tensors = [torch.randn(shape, dtype=dtype, requires_grad=graph) for shape in shapes]
    tensors[7] = torch.randn(5, 4, dtype=dtype).T[1:, ::2]
    monkeypatch.delattr(torch, "_foreach_norm")
    norms = tensor_norms(tensors)
    assert (norms.shape, norms.dtype, norms.requires_grad) == ((200,), dtype, False)
    expected = torch.stack([tensor.detach().double().pow(2).sum().sqrt() for tensor in tensors])
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(norms.double(), expected, rtol=2 * eps, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_few_norms_are_given_as_numbers(dtype: torch.dtype) -> None:
    tensors = [torch.randn(shape, dtype=dtype) for shape in ((3,), (2, 5), (), (4, 1, 2))]
    assert tensor_norm_values(tensors) == tensor_norms(tensors).tolist()
    overflowing = torch.tensor([3.0, 4.0], dtype=dtype) * torch.finfo(dtype).max ** 0.6
    for odd in (overflowing, torch.tensor([math.nan], dtype=dtype), torch.ones(2).half()):
        assert tensor_norm_values([*tensors, odd]) is None
    assert tensor_norm_values([torch.ones(2, dtype=dtype, device="meta")]) is None


@pytest.mark.parametrize(
    ("odd", "norm"),
    [
        (torch.tensor([math.nan, 1.0]), math.nan),
        (torch.tensor([math.inf, 1.0]), math.inf),
        (torch.tensor([3e38, 3e38, 3e38]), math.sqrt(3) * 3e38),
        (torch.tensor([3e-30, 4e-30]), 5e-30),
        (torch.empty(0, 3), 0.0),
    ],
)
def test_none_of_them_spoils_the_others(odd: Tensor, norm: float) -> None:
    norms = tensor_norms([torch.tensor([3.0, 4.0])] * 99 + [odd, torch.tensor([6.0, 8.0])])
    assert norms.tolist() == pytest.approx([5.0] * 99 + [norm, 10.0], rel=1e-6, nan_ok=True)


def test_large_ones_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch._C._nn, "flatten_dense_tensors")
    assert tensor_norms([torch.ones(1 << 12)] * 100).tolist() == [64.0] * 100
