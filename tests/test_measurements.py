"""The seam by which something is measured: events, schedule, isolation, declared signals."""

import itertools
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

import backsight
from backsight.errors import SettingError
from backsight.monitor import (
    EVERY_ITERATION,
    MEASUREMENTS,
    SAMPLED,
    BackwardPass,
    Iteration,
    LayerCall,
    LayerFaults,
    Measurement,
    Monitor,
    OptimizerStep,
    every_nth_sample,
)
from backsight.monitor.measurements._measurement import EVENTS
from backsight.probes import Catcher, total_norm, total_norm_value
from backsight.probes.fused import _replay
from backsight.signals import CATALOGUE, Recorder, Run, Series, family
from tests import decaying


class Net(nn.Module):
    """Two recurrent layers that a fault may strike one of."""

    def __init__(self) -> None:
        super().__init__()
        self.below = nn.GRU(3, 4, batch_first=True)
        self.above = nn.RNN(4, 4, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        answers: Tensor = self.head(self.above(self.below(x)[0])[0])
        return answers


DEPENDS = ("tokens_per_second", "graphs_kept")


def recorded(path: Path, *but: str) -> dict[str, Any]:
    """Iterations and values of what depends neither on the clock nor on what a test keeps alive."""
    run = Run(path)
    return {
        name: (
            one.iterations.tolist(),
            [v.tobytes() for v in ([one.values] if isinstance(one, Series) else one.rows)],
        )
        for name, one in run.read(
            set(run.names) - {"tokens_per_second", "graphs_kept", *but}
        ).items()
    }


def train(
    path: Path | None,
    count: int,
    *measurements: Measurement,
    every: Any = 2,
    make: Callable[[], nn.Module] = Net,
    step: Callable[[nn.Module, Optimizer], None] | None = None,
    deep: int | None = None,
) -> dict[str, Tensor]:
    """What the weights, and the random numbers, are after some iterations."""

    def usual(model: nn.Module, optimizer: Optimizer) -> None:
        optimizer.zero_grad()
        model(torch.randn(4, 5, 3)).square().mean().backward()
        optimizer.step()

    torch.manual_seed(0)
    model = make()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.5)
    monitor = backsight.watch(
        model, optimizer, path, every=every, measurements=measurements, deep=deep
    ) if path else None  # fmt: skip
    for _ in range(count):
        (step or usual)(model, optimizer)
    if monitor:
        monitor.close()
    return {**model.state_dict(), "random": torch.get_rng_state()}


class Told(Measurement):
    """Writes down what it is told."""

    signals = ("told",)

    def __init__(self, schedule: Any = EVERY_ITERATION) -> None:
        self.schedule = schedule
        self.heard: list[tuple[int, str]] = []
        self.calls: list[LayerCall] = []

    def _hear(self, now: Iteration, event: str) -> None:
        self.heard.append((now.number, event))

    def on_iteration_begin(self, now: Iteration) -> None:
        self._hear(now, "begin")

    def on_forward_begin(self, call: LayerCall, now: Iteration) -> None:
        assert call.result is None
        self._hear(now, f"before {call.path}")

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        self.calls.append(call)
        self._hear(now, f"after {call.path}")

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        assert passed.roots[0].grad_fn is not None
        self._hear(now, "graph")

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        assert all(p.grad is not None for p in now.parameters.values())
        self._hear(now, "backward")

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        assert step.number == 0
        assert not step.closure
        self._hear(now, "step")

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        self._hear(now, "stepped")

    def on_iteration_end(self, now: Iteration) -> None:
        now.record(self.signals[0], float(now.number))
        self._hear(now, "end")


WHOLE = ["begin", "before below", "after below", "before above", "after above", "graph",
         "backward", "step", "stepped", "end"]  # fmt: skip


def test_events_come_in_their_order(run_path: Path) -> None:
    told = Told()
    train(run_path, 3, told)
    expected = [(i, event) for i in range(3) for event in WHOLE]
    assert told.heard == [*expected, (3, "begin")]
    assert Run(run_path)["told"].tolist() == [0, 1, 2]
    below, above, *_ = told.calls
    assert below.module.__class__ is nn.GRU
    assert torch.equal(above.inputs[0], below.result[0])


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (EVERY_ITERATION, range(13)),
        (SAMPLED, [0, 3, 6, 9, 12]),
        (every_nth_sample(1), [0, 3, 6, 9, 12]),
        (every_nth_sample(2), [0, 6, 12]),
        (every_nth_sample(7), [0]),
    ],
)
def test_schedules_count_iterations(
    schedule: Any, expected: Any, run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However fast or slow the clock runs."""
    ticks = itertools.accumulate(itertools.cycle([1e-6, 30.0, 0.01]))
    monkeypatch.setattr("backsight.monitor._monitor.time.perf_counter", lambda: next(ticks))
    told = Told(schedule)
    train(run_path, 13, told, every=3)
    assert Run(run_path).series("told").iterations.tolist() == list(expected)
    assert [i for i, event in told.heard if event == "graph"] == list(expected)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("width", "expected"), [(4, range(0, 18, 2)), (32, range(0, 18, 2)), (64, [0, 8, 16])]
)
def test_the_spectrum_follows_the_schedule(width: int, expected: Any, run_path: Path) -> None:
    """In every sample, and of wide matrices in every n-th: whatever it takes."""

    def make() -> nn.Module:
        net = Net()
        net.above, net.head = nn.RNN(4, width, batch_first=True), nn.Linear(width, 2)
        return net

    train(run_path, 17, every=2, make=make)
    run = Run(run_path)
    for name in ("spectral_radius/above.l0", "sigma_max/above.l0"):
        assert run.series(name).iterations.tolist() == list(expected), name
    assert len(run["sigma_max/below.l0"]) == 9


def test_a_run_that_goes_on_keeps_the_schedule(run_path: Path) -> None:
    """The samples of iterations 15 … are numbered as if the first 15 had been seen, too."""
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    told = Told(every_nth_sample(4))
    with (
        Recorder(run_path) as recorder,
        Monitor(model, optimizer, recorder, every=3, iteration=15, measurements=[told]) as monitor,
    ):
        for _ in range(20):
            loss = model(torch.randn(2, 4, 3)).mean()
            loss.backward()
            monitor.backward_ended(loss)
            optimizer.step()
            monitor.iteration_ended()
    assert Run(run_path).series("told").iterations.tolist() == [24]


@pytest.mark.some(2)
@pytest.mark.parametrize("event", EVENTS)
def test_a_fault_costs_that_measurement_alone(
    event: str, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Told once; what is about a layer is lost for that layer; training is what it was."""

    def broken(*arguments: Any) -> None:
        calls.append(arguments)
        raise RuntimeError("a bug of the user's")

    calls: list[Any] = []
    kind = type("Broken", (Told,), {event: broken, "signals": ("broken",)})
    told = Told()
    observed = train(run_path, 4, kind(), told)
    plain = train(None, 4)
    assert all(torch.equal(observed[name], plain[name]) for name in plain)
    if event == "on_gradients_discarded":
        assert calls == []
        return
    layers = ["above", "below"] if event.startswith("on_forward") else [None]
    if event == "on_model_end":
        layers = ["model"]
    said = [r.getMessage() for r in caplog.records if "switched off" in r.getMessage()]
    assert len(said) == len(layers) == len(calls)
    for layer, words in zip(layers, sorted(said), strict=True):
        of = f" of {layer}" if layer else ""
        assert words.startswith(f"backsight: measuring Broken{of} failed and is switched off: Run")
    assert [one for one in told.heard if one[1] in WHOLE][: 4 * len(WHOLE)] == [
        (i, one) for i in range(4) for one in WHOLE
    ]
    assert len(Run(run_path)["loss"]) == 4


def look(model: nn.Module, now: Iteration) -> None:
    """A gradient at other data, as of a curvature: with a forward and a backward of its own."""
    loss = model(torch.ones(2, 3, 3)).square().sum()
    gradients = torch.autograd.grad(loss, list(now.parameters.values()), retain_graph=True)
    before = {name: parameter.grad for name, parameter in now.parameters.items()}
    for parameter in now.parameters.values():
        parameter.grad = None
    loss.backward()
    for name, parameter in now.parameters.items():
        parameter.grad = before[name]
    now.record("own", gradients[0].norm())


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Tensor], Any]:
    """What a training of four iterations ends with, and what is recorded of it."""
    path = tmp_path_factory.mktemp("usual") / "run"
    return train(path, 4), recorded(path)


@pytest.mark.some(2)
@pytest.mark.parametrize("event", [e for e in EVENTS if e != "on_gradients_discarded"])
def test_what_a_measurement_runs_is_no_event_of_the_training(
    event: str,
    usual: tuple[dict[str, Tensor], Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither an iteration, nor a forward, nor a pass: all that is recorded stays as it is."""
    models: list[nn.Module] = []

    def make() -> nn.Module:
        models.append(Net())
        return models[-1]

    def looks(own: Measurement, *arguments: Any) -> None:
        look(models[-1], arguments[-1])

    kind = type("Looks", (Measurement,), {event: looks, "signals": ("own",)})
    plain, before = usual
    told = Told()
    observed = train(tmp_path / "observed", 4, kind(), told, make=make)
    assert all(torch.equal(observed[name], plain[name]) for name in plain)
    assert "switched off" not in caplog.text
    assert "dropped" not in caplog.text
    assert told.heard == [*((i, one) for i in range(4) for one in WHOLE), (4, "begin")]
    assert len(Run(tmp_path / "observed")["own"]) == 4
    after = recorded(tmp_path / "observed", "own", "told")
    assert before.keys() == after.keys()
    for name in after:
        assert after[name] == before[name], name


@pytest.mark.some(3)
@pytest.mark.parametrize("event", [e for e in EVENTS if e != "on_gradients_discarded"])
def test_an_interrupt_in_an_event_ends_the_training_and_the_run(
    event: str, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it is pressed: no hook is left, and nothing is recorded twice."""

    def interrupted(_: Measurement, *arguments: Any) -> None:
        if arguments[-1].number == 1:
            raise KeyboardInterrupt

    kind = type("Interrupted", (Measurement,), {event: interrupted, "signals": ("own",)})
    backward = torch.autograd.backward
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)

    def run_script() -> None:
        with backsight.watch(model, optimizer, run_path, every=1, measurements=[kind()]):
            for _ in range(3):
                optimizer.zero_grad()
                model(torch.randn(2, 4, 3)).mean().backward()
                optimizer.step()

    with pytest.raises(KeyboardInterrupt):
        run_script()
    assert torch.autograd.backward is backward
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    run = Run(run_path)
    assert run.status == "failed"
    assert run["loss"].size >= 1
    assert "dropped" not in caplog.text


def test_a_measurement_may_close_the_monitor(run_path: Path) -> None:
    """From within the end of an iteration, which is not ended again."""

    class Stops(Measurement):
        signals = ("stops",)

        def on_iteration_end(self, now: Iteration) -> None:
            ended.append(now.number)
            if now.number == 2:
                monitor.close()

    ended: list[int] = []
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    monitor = backsight.watch(model, optimizer, run_path, measurements=[Stops()])
    for _ in range(5):
        optimizer.zero_grad()
        model(torch.randn(2, 4, 3)).mean().backward()
        optimizer.step()
    assert ended == [0, 1, 2]
    assert not monitor.switched_off
    assert Run(run_path).status == "finished"


def test_the_first_iteration_begins_once_all_is_known(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Before(Measurement):
        signals = ("weight_before", "layers")

        def on_iteration_begin(self, now: Iteration) -> None:
            now.record("weight_before", now.parameters["head.weight"].norm())
            now.record("layers", len(now.layers))

    train(run_path, 3, Before())
    assert "switched off" not in caplog.text
    assert len(Run(run_path)["weight_before"]) == 3
    assert Run(run_path)["layers"].tolist() == [2, 2, 2]


def test_faults_of_several_layers_leave_the_others(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Each(Measurement):
        signals = ("seen",)

        def on_iteration_end(self, now: Iteration) -> None:
            def look(path: str, module: nn.Module) -> None:
                if path == "above":
                    raise ValueError(path)
                now.record(f"seen/{path}", 1.0)

            self.each_layer(dict(now.layers), look)

    train(run_path, 5, Each())
    assert len(Run(run_path)["seen/below"]) == 5
    assert caplog.text.count("measuring Each of above failed and is switched off") == 1


def test_a_fault_of_a_layer_is_told_once_however_often_it_comes(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Stubborn(Measurement):
        signals = ("own",)

        def on_iteration_end(self, now: Iteration) -> None:
            raise LayerFaults({"above": ValueError("no")})

    train(run_path, 4, Stubborn())
    assert caplog.text.count("measuring Stubborn of above failed and is switched off") == 1


@dataclass(frozen=True)
class Frozen(Measurement):
    """Has its settings, and nothing that changes."""

    factor: float = 2.0
    signals: ClassVar[tuple[str, ...]] = ("own",)

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        now.record("own", self.factor)
        if call.path == "below":
            raise ValueError("no")


class Instance(Measurement):
    """An event of the object, beside one of the class."""

    signals = ("own",)

    def __init__(self) -> None:
        self.on_iteration_end = lambda now: now.record("own", 1.0)  # type: ignore[method-assign]

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        """Nothing."""


class Moody(Measurement):
    """Says what it is for as long as it is asked once."""

    asked = 0

    @property
    def signals(self) -> tuple[str, ...]:  # type: ignore[override]
        self.asked += 1
        if self.asked > 9:
            raise RuntimeError("asked too often")
        return ("own",)

    def on_iteration_end(self, now: Iteration) -> None:
        now.record("own", 1.0)


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", [Frozen, Instance, Moody])
def test_however_a_measurement_is_written_it_is_fed(
    kind: type[Measurement], run_path: Path
) -> None:
    train(run_path, 10, kind())
    assert len(Run(run_path)["own"]) == 10
    assert len(Run(run_path)["loss"]) == 10


def test_each_layer_tells_all_faults_together() -> None:
    def look(path: str, part: int) -> None:
        if part:
            raise ValueError(path)
        seen.append(path)

    seen: list[str] = []
    with pytest.raises(LayerFaults, match=r"b: ValueError.*d: ValueError") as raised:
        Measurement().each_layer({"a": 0, "b": 1, "c": 0, "d": 1}, look)
    assert seen == ["a", "c"]
    assert set(raised.value.errors) == {"b", "d"}


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("loss", 1.0, "cannot record 'loss': the measurement declares only told"),
        ("told", torch.ones(2), "takes one number"),
        ("told", "much", "could not convert"),
    ],
)
def test_what_is_recorded_wrongly_is_told(
    name: str, value: Any, words: str, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong(Told):
        def on_iteration_end(self, now: Iteration) -> None:
            now.record(name, value)

    train(run_path, 3, Wrong())
    assert words in caplog.text
    assert len(Run(run_path)["loss"]) == 3


class Recording(Measurement):
    """Records what it is given, at the end of an iteration."""

    signals = ("mine",)

    def __init__(self, record: Callable[[Iteration], None]) -> None:
        self._record = record

    def on_iteration_end(self, now: Iteration) -> None:
        self._record(now)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("record", "words"),
    [
        (lambda now: now.record("mine", torch.tensor(1j)), "cannot record a complex number"),
        (lambda now: now.record_each(["mine"], torch.ones(1) * 1j), "a complex number"),
        (lambda now: now.record_each(["mine/a", "mine/b"], torch.ones(3)), "2 names and values"),
        (lambda now: now.record_profile("mine", torch.ones(2, 3)), "not an array of shape (2, 3)"),
        (lambda now: now.record_profile("mine", np.ones(())), "not an array of shape ()"),
        (lambda now: now.record_profile("mine", torch.ones(3).to_sparse()), "sparse"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_kept_costs_no_other(
    record: Callable[[Iteration], None],
    words: str,
    run_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is told where it is recorded, and not when all values are collected."""
    train(run_path, 3, Recording(record))
    assert caplog.text.count("switched off") == 1
    assert "measuring Recording failed" in caplog.text
    assert words in caplog.text
    run = Run(run_path)
    assert len(run["loss"]) == 3
    assert len(run["weight_norm/head.bias"]) == 2


def test_a_complex_number_that_is_logged_costs_no_other(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with backsight.watch(model, optimizer, run_path) as monitor:
        model(torch.randn(2, 4, 3)).mean().backward()
        monitor.log(eigenvalue=torch.tensor(1j), share=torch.tensor(0.5))
        optimizer.step()
    assert "measuring eigenvalue failed" in caplog.text
    run = Run(run_path)
    assert run["share"].tolist() == [0.5]
    assert len(run["loss"]) == 1


def test_a_value_is_recorded_as_it_was(run_path: Path) -> None:
    """Not as the step, or whoever else writes into it, leaves it."""

    class Live(Measurement):
        signals = ("bias", "row")

        def __init__(self) -> None:
            self.row = np.zeros(2)
            self.biases: list[float] = []

        def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
            bias = now.parameters["head.bias"][0]
            self.biases.append(bias.item())
            self.row[:] = now.number
            now.record("bias", bias)
            now.record_profile("row", self.row)

    live = Live()
    train(run_path, 3, live)
    run = Run(run_path)
    assert run["bias"].tolist() == live.biases
    assert [row.tolist() for row in run.profile("row").rows] == [[0, 0], [1, 1], [2, 2]]


class Nothing(Measurement):
    signals = ("nothing",)


class Misspelled(Told):
    def on_backward_ended(self, now: Iteration) -> None:
        """No such event."""


def told(**changes: Any) -> Told:
    made = Told()
    vars(made).update(changes)
    return made


SAME = Told()


@pytest.mark.parametrize(
    ("measurements", "words"),
    [
        (Told(), "measurements expects a list of Measurement objects, not <"),
        (3, "measurements expects a list of Measurement objects, not 3"),
        ([Told], r"expects objects, but Told is a class: write Told\(\)"),
        (["loss"], "objects of subclasses of backsight.Measurement, not 'loss'"),
        ([Nothing()], "Nothing handles no event: define one of on_backward_end, "),
        (
            [Misspelled()],
            "Misspelled.on_backward_ended is not an event: the events are on_backward_end, ",
        ),
        ([told(signals=())], r"Told.signals must be a tuple .* \(\"my_signal\",\), not \(\)"),
        ([told(signals="told")], r"must be a tuple .* such as \(\"told\",\), not 'told'"),
        ([told(signals=3)], r"must be a tuple .* such as \(\"my_signal\",\), not 3"),
        ([told(signals=(3,))], "Told.signals contains 3, which is not a valid signal name"),
        ([told(signals=("",))], "Told.signals contains '', which is not a valid signal name"),
        ([told(signals=("\ud800",))], "which is not a valid signal name"),
        (
            [told(signals=("a/b",))],
            "Told.signals must name families of signals: write 'a' instead of 'a/b'",
        ),
        ([told(signals=("loss",))], "Told records 'loss', which Backsight itself records already"),
        ([Told(), Told()], "Told records 'told', which Told records already"),
        ([told(schedule=3)], r"Told.schedule must be EVERY_ITERATION, .*\(n\) .*, not 3"),
    ],
)
def test_measurements_that_make_no_sense(measurements: Any, words: str, run_path: Path) -> None:
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with pytest.raises(SettingError, match=words):
        backsight.watch(model, optimizer, run_path, measurements=measurements)
    assert not run_path.exists()


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "2"])
def test_every_nth_sample_needs_a_whole_number(n: Any) -> None:
    with pytest.raises(SettingError, match="a whole number of at least 1"):
        every_nth_sample(n)


# -- our own --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def every_family(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What three small trainings record, of layers, of attention and of gated recurrences."""
    folder = tmp_path_factory.mktemp("families")

    def lstm() -> nn.Module:
        net = Net()
        net.below = nn.LSTM(3, 4, batch_first=True)  # type: ignore[assignment]
        return net

    def attention() -> nn.Module:  # which has an embedded input, blocks, and looks ahead
        layer = nn.TransformerEncoderLayer(4, 1, 4, dropout=0.0, batch_first=True)
        blocks = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        return nn.Sequential(nn.Linear(3, 4), blocks, nn.Linear(4, 1))

    def gated() -> nn.Module:
        return nn.Sequential(nn.Linear(3, 6), decaying.LRU(), decaying.Delta())

    train(folder / "run", 3, every=1, make=lstm, deep=5)
    train(folder / "other", 1, every=1, make=attention)
    train(folder / "gated", 1, every=1, make=gated)
    return {family(name) for run in ("run", "other", "gated") for name in Run(folder / run).names}


@pytest.mark.some(3)
@pytest.mark.parametrize("kind", MEASUREMENTS, ids=lambda kind: kind.__name__)
def test_ours_declare_what_they_record(kind: type[Measurement], every_family: set[str]) -> None:
    """Each signal is in the catalogue, belongs to one measurement, and is really recorded."""
    assert kind.name
    assert kind.signals
    assert list(kind.signals) == sorted(kind.signals)
    assert set(kind.signals) <= CATALOGUE.keys()
    others = [s for other in MEASUREMENTS if other is not kind for s in other.signals]
    assert not set(kind.signals) & set(others)
    # Recorded only where sequences have different numbers of lags or begin anew, where a gradient
    # underflows, of ReLU, of models that are trained against each other, of both directions, of
    # packed sequences, where no past moves a state, where gradients are clipped, where a loss of
    # PyTorch's has targets, under weight decay, and of a model that is evaluated.
    seldom = {"reach_share", "begun_anew", "underflow", "inactive", "adversary", "memory_loss"}
    seldom |= {"memory_alike"}
    seldom |= {"lengths_unlike", "padding_packed", "clip_factor", "clipped_share"}
    seldom |= {"answer_lag", "column_scale", "half_overflow"}
    seldom |= {"one_feature_read", "one_series_read"}
    seldom |= {"loop_padding_read"}  # of cells
    seldom |= {"drift_loss", "increment_correlation", "persistence_loss"}
    seldom |= {"answers_unrelated", "answers_untied", "rows_out_of_order", "rows_sorted"}
    seldom |= {"answer_in_input", "guess_answer", "guess_loss", "one_class", "one_number"}
    seldom |= {"decay_ratio", "decayed_norm", "eval_dropout"}
    seldom |= {"passes_thrown"}  # of several passes a step
    seldom |= {"clips_unread", "state_taught"}
    seldom |= {"group_lr_share", "plateau_best", "plateau_first"}  # with a schedule
    seldom |= {"schedule_calls", "schedule_periods", "schedule_share"}
    seldom |= {"gate_growth"}  # from the fourth sample on
    seldom |= {"phase"}  # of a second one
    seldom |= {"answer_size", "target_size", "targets_beyond"}  # of numbers
    seldom |= {"penalty", "penalty_guess"}  # of weights, in the loss
    seldom |= {"entropy_lowered", "likelihood_weighted"}  # of a policy gradient
    seldom |= {"likeness_lowered"}  # of a cosine
    seldom |= {
        "weights_lost",
        "weights_restored",
        "weights_undone",
    }  # where something puts them back
    seldom |= {"half_eps", "half_lost"}  # of weights in half precision
    assert set(kind.signals) - seldom <= every_family
    assert every_family <= {signal for one in MEASUREMENTS for signal in one.signals}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Tensor], Any]:
    """What a training in which nothing fails ends with, and what is recorded of it."""
    whole = tmp_path_factory.mktemp("undisturbed") / "run"
    return train(whole, 3, every=1), recorded(whole)


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", MEASUREMENTS, ids=lambda kind: kind.__name__)
def test_without_one_of_ours_the_others_stay(
    kind: type[Measurement],
    undisturbed: tuple[dict[str, Tensor], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One that fails at its first event costs its own signals, and nothing else changes."""

    def broken(*_: Any) -> None:
        raise RuntimeError("a bug of ours")

    plain, before = undisturbed
    rest = tmp_path / "rest"
    for event in EVENTS:
        if event in vars(kind) and event != "on_iteration_begin":
            monkeypatch.setattr(kind, event, broken)
    observed = train(
        rest, 3, every=1, deep=5 if kind.name == "deep" else None
    )  # nobody asks for it
    assert all(torch.equal(observed[name], plain[name]) for name in plain)
    after = recorded(rest)
    lost = {family(name) for name in before.keys() - after.keys()}
    # A stack's lower states, and gates, are read together with the reach, whose pass tells what is
    # to be run again.
    with_reach = {"saturation", "memory", "memory_lag", "memory_length", "memory_loss"}
    reads = with_reach if kind.__name__ == "Reach" else set()
    assert lost <= {*kind.signals} | reads
    assert {family(name) for name in after} & set(kind.signals) == set()
    for name in after:
        assert after[name] == before[name], name
    assert caplog.text.count(f"measuring {kind.name}") >= 1


def test_user_signals_carry_the_models_label_as_ours_do(run_path: Path) -> None:
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with (
        Recorder(run_path) as recorder,
        Monitor(model, optimizer, recorder, automatic=True, label="maker", measurements=[Told()]),
    ):
        for _ in range(2):
            optimizer.zero_grad()
            model(torch.randn(2, 4, 3)).mean().backward()
            optimizer.step()
    assert {"loss/maker", "told/maker"} <= set(Run(run_path).names)


@pytest.mark.long
def test_time_counts_towards_the_budget(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dear measurement makes samples rarer, one of every iteration does not."""

    class Clock:
        now = 0.0

        def perf_counter(self) -> float:
            return self.now

    def samples(schedule: Any, path: Path) -> int:
        class Dear(Told):
            def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
                clock.now += 0.5

        def step(model: nn.Module, optimizer: Optimizer) -> None:
            optimizer.zero_grad()
            model(torch.randn(4, 5, 3)).square().mean().backward()
            optimizer.step()
            clock.now += 0.05

        clock = Clock()
        monkeypatch.setattr("backsight.monitor._monitor.time", clock)
        train(path, 30, Dear(schedule), every="auto", step=step)
        return len(Run(path).profile("reach/above.l0").iterations)

    assert samples(SAMPLED, run_path / "a") <= 2
    assert samples(EVERY_ITERATION, run_path / "b") > 15


def test_a_failed_measurement_is_named_by_the_monitor(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Told):
        def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
            raise RuntimeError("no")

    caplog.set_level(logging.ERROR)
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with backsight.watch(model, optimizer, run_path, measurements=[Broken()]) as monitor:
        assert not monitor.switched_off
        model(torch.randn(2, 4, 3)).mean().backward()
        assert monitor.switched_off == (("Broken", "above"), ("Broken", "below"))


@pytest.mark.parametrize("where", ["when it runs", "in the replay"])
def test_a_layer_that_cannot_be_read_leaves_the_others(
    where: str, run_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Reach and saturation of one layer are lost, and told to be; the other's are complete."""
    owner, name = (Catcher, "after") if where == "when it runs" else (_replay, "_walk_chain")
    original = getattr(owner, name)
    calls = []

    def broken(*arguments: Any) -> Any:
        path = arguments[1] if where == "when it runs" else arguments[1][0].path
        if path == "below":
            calls.append(path)
            raise RuntimeError("a bug of ours")
        return original(*arguments)

    monkeypatch.setattr(owner, name, broken)
    observed, plain = train(run_path, 7, every=2), train(None, 7)
    assert all(torch.equal(observed[name], plain[name]) for name in plain)
    run = Run(run_path)
    for signal in ("reach", "grad_time"):
        assert run.profile(f"{signal}/above.l0").iterations.tolist() == [0, 2, 4, 6]
        assert f"{signal}/below.l0" not in run
    assert len(run["saturation/above.l0"]) == 4
    assert len(run["hidden_norm_mean/below.l0"]) == 7
    assert len(calls) == 1
    assert caplog.text.count("measuring reach of below failed and is switched off") == 1


@pytest.mark.some(2)
@pytest.mark.parametrize("event", [e for e in EVENTS if e != "on_gradients_discarded"])
def test_random_numbers_and_the_gradient_mode_stay_the_trainings(
    event: str, run_path: Path
) -> None:
    """A measurement may draw: an estimate of a trace does. What follows is as if it had not."""

    def draw(self: Measurement, *arguments: Any) -> None:
        torch.randn(3)
        torch.set_grad_enabled(False)
        drawn.append(arguments)

    drawn: list[Any] = []
    kind = type("Drawing", (Measurement,), {event: draw, "signals": ("drawn",)})

    def dropping() -> nn.Module:
        return nn.Sequential(Net(), nn.Dropout(0.5))

    observed = train(run_path, 4, kind(), make=dropping)
    plain = train(None, 4, make=dropping)
    assert drawn
    assert all(torch.equal(observed[name], plain[name]) for name in plain)
    assert torch.is_grad_enabled()


def _in_place(parameter: nn.Parameter) -> None:
    assert parameter.grad is not None
    parameter.grad.mul_(0.5)


def _in_data(parameter: nn.Parameter) -> None:
    assert parameter.grad is not None
    parameter.grad.data.mul_(0.5)  # the version of the gradient stays what it was


def _another(parameter: nn.Parameter) -> None:
    assert parameter.grad is not None
    parameter.grad = parameter.grad * 0.5


@pytest.mark.parametrize("halve", [_in_place, _in_data, _another])
def test_the_applied_gradient_is_what_the_step_reads(
    halve: Callable[[nn.Parameter], None], tmp_path: Path
) -> None:
    rnn = nn.RNN(3, 4)
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
    with backsight.watch(rnn, optimizer, tmp_path / "run"):
        for _ in range(3):
            optimizer.zero_grad()
            rnn(torch.randn(5, 2, 3))[0].square().mean().backward()
            for parameter in rnn.parameters():
                halve(parameter)
            optimizer.step()
    run = backsight.Run(tmp_path / "run")
    assert run["grad_norm"].min() > 0
    assert run["grad_norm_applied"].tolist() == pytest.approx((run["grad_norm"] / 2).tolist())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0, 4.0], 5.0),
        ([], 0.0),
        ([3e200, 4e200], 5e200),
        ([math.inf, 1.0], math.inf),
        ([math.inf, math.nan], math.nan),
    ],
)
def test_the_norm_of_norms_at_hand_is_that_of_the_tensor(
    values: list[float], expected: float
) -> None:
    norms = torch.tensor(values, dtype=torch.float64)
    assert total_norm_value(norms) == pytest.approx(expected, nan_ok=True)
    if values != [3e200, 4e200]:  # of which the squares overflow
        assert total_norm_value(norms) == pytest.approx(float(total_norm(norms)), nan_ok=True)
