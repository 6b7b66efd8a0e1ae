"""What ``watch(…, to=[…])`` hands to sinks: the run's own values, and nothing of their failures."""

import json
import re
import sys
import threading
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from backsight import watch
from backsight.errors import RunError, SettingError
from backsight.integrations import JsonLines, TensorBoard
from backsight.integrations._reach_picture import reach_picture
from backsight.monitor import Sink
from backsight.monitor.sinks import Forwarding, _outlet, sinks_of
from backsight.signals import Recorder, Run
from tests import processes


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.runs: list[Path] = []
        self.values: dict[str, dict[int, float]] = {}
        self.rows: dict[str, dict[int, list[float]]] = {}
        self.events: list[tuple[str, int, Any]] = []
        self.threads: set[str] = set()
        self.closed = 0

    def open(self, run: Path) -> None:
        self.runs.append(run)

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        self.threads.add(threading.current_thread().name)
        for name, value in values.items():
            assert iteration not in self.values.setdefault(name, {})
            self.values[name][iteration] = value

    def profile(self, name: str, iteration: int, row: NDArray[np.floating[Any]]) -> None:
        self.rows.setdefault(name, {})[iteration] = row.tolist()

    def event(self, kind: str, iteration: int, body: Any) -> None:
        self.events.append((kind, iteration, body))

    def close(self) -> None:
        self.closed += 1


class Failing(Kept):
    """A sink that raises what it is told to, in the methods that it is told."""

    def __init__(self, error: BaseException, *methods: str, times: int = 10**9) -> None:
        super().__init__()
        self.left = times
        for name in methods:
            setattr(self, name, self._failing(error, getattr(self, name)))

    def _failing(self, error: BaseException, method: Any) -> Any:
        def call(*arguments: Any) -> None:
            self.left -= 1
            if self.left >= 0:
                raise error
            method(*arguments)

        return call


def trained(run: Path, **options: Any) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Four iterations, the third without a finite loss; weights and random state at the end."""
    torch.manual_seed(0)
    model = nn.RNN(3, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run, every=2, **options):
        for i in range(4):
            optimizer.zero_grad()
            loss = model(torch.randn(6, 2, 3))[0][-1].square().mean()
            loss = loss * (float("inf") if i == 2 else 1.0)
            loss.backward()
            if i != 2:
                optimizer.step()
    return [p.detach().clone() for p in model.parameters()], torch.get_rng_state()


def by_hand(run: Run) -> tuple[dict[str, dict[int, float]], dict[str, dict[int, list[float]]]]:
    """Every scalar and every row of a run, by name and iteration."""
    values: dict[str, dict[int, float]] = {}
    rows: dict[str, dict[int, list[float]]] = {}
    for name in run.names:
        if run.is_profile(name):
            profile = run.profile(name)
            at = profile.iterations.tolist()
            rows[name] = {i: r.tolist() for i, r in zip(at, profile.rows, strict=True)}
        else:
            series = run.series(name)
            values[name] = dict(
                zip(series.iterations.tolist(), series.values.tolist(), strict=True)
            )
    return values, rows


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Kept, Any]:
    """One training with three sinks beside its run."""
    run = tmp_path_factory.mktemp("sinks") / "run"
    pytest.importorskip("tensorboard")
    sink = Kept()
    ended = trained(run, to=[sink, JsonLines(), TensorBoard()])
    return run, sink, ended


def test_a_sink_has_the_values_of_the_run_at_their_iterations(kept: tuple[Path, Kept, Any]) -> None:
    path, sink, _ = kept
    run = Run(path)
    values, rows = by_hand(run)
    np.testing.assert_equal(sink.values, values)
    np.testing.assert_equal(sink.rows, rows)
    assert np.isinf(sink.values["loss"][2])
    assert sorted(sink.values["loss"]) == [0, 1, 2, 3]
    events = [(event.kind, event.iteration) for event in run.events()]
    assert sorted((kind, at) for kind, at, _ in sink.events) == sorted(events)
    assert "finding" in {kind for kind, _ in events}
    assert (sink.runs, sink.closed) == ([path], 1)
    assert sink.threads == {"backsight-Kept"}


def test_training_is_the_same_with_and_without_sinks(
    kept: tuple[Path, Kept, Any], tmp_path: Path
) -> None:
    weights, state = trained(tmp_path / "alone")
    assert all(map(torch.equal, weights, kept[2][0]))
    assert torch.equal(state, kept[2][1])
    with_sink, alone = by_hand(Run(kept[0])), by_hand(Run(tmp_path / "alone"))
    np.testing.assert_equal(with_sink[0]["loss"], alone[0]["loss"])


def test_json_lines_read_back_are_the_run(kept: tuple[Path, Kept, Any]) -> None:
    text = (kept[0] / "values.jsonl").read_text()
    lines = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    values: dict[str, dict[int, float]] = {}
    rows: dict[str, dict[int, list[float]]] = {}
    for line in lines:
        for name, value in line.get("scalars", {}).items():
            values.setdefault(name, {})[line["iteration"]] = float(value)
        for name, row in line.get("profiles", {}).items():
            rows.setdefault(name, {})[line["iteration"]] = list(map(float, row))
    expected = by_hand(Run(kept[0]))
    np.testing.assert_equal(values, expected[0])
    np.testing.assert_equal(rows, expected[1])
    assert [x["body"]["code"] for x in lines if x.get("event") == "finding"] == ["BKS201"]


def test_tensorboard_reads_back_the_run(kept: tuple[Path, Kept, Any]) -> None:
    """By TensorBoard's own reader, with everything it would leave out asked for."""
    events = accumulated(kept[0] / "tensorboard")
    values, rows = by_hand(Run(kept[0]))
    assert set(events.Tags()["scalars"]) == set(values)
    for name, expected in values.items():
        points = {event.step: event.value for event in events.Scalars(name)}
        single = {at: float(np.float32(value)) for at, value in expected.items()}
        np.testing.assert_equal(points, single)
    assert set(events.Tags()["histograms"]) == set(rows)
    for name, of_name in rows.items():
        for event in events.Histograms(name):
            np.testing.assert_equal(event.histogram_value.bucket, of_name[event.step])
    (text,) = events.Tensors("finding/BKS201/text_summary")
    assert text.step == 2
    assert b"BKS201 not finite" in text.tensor_proto.string_val[0]


def accumulated(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    kinds = ("scalars", "histograms", "tensors", "compressedHistograms")
    return EventAccumulator(str(folder), size_guidance=dict.fromkeys(kinds, 0)).Reload()


def test_a_summary_writer_of_the_user_stays_open(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as writer:
        sink = TensorBoard(writer)
        sink.open(tmp_path / "run")
        sink.scalars(3, {"loss": float("nan")})
        sink.profile("reach/gru.l0", 4, np.array([1.0, 0.5, np.nan]))
        sink.event("act", 5, {"policy": "skip"})
        sink.close()
        writer.add_scalar("mine", 1.0, 6)
    events = accumulated(tmp_path)
    (loss,), (mine,) = events.Scalars("loss"), events.Scalars("mine")
    assert (loss.step, np.isnan(loss.value), mine.step) == (3, True, 6)
    (reach,) = events.Histograms("reach/gru.l0")
    np.testing.assert_equal(reach.histogram_value.bucket, [1.0, 0.5, np.nan])
    assert reach.histogram_value.bucket_limit == [0.5, 1.5, 2.5]
    (picture,) = events.Images("reach_picture/gru.l0")
    pixels = np.asarray(image.open(BytesIO(picture.encoded_image_string)))
    expected = reach_picture(np.array([1.0, 0.5, np.nan]), "reach/gru.l0 at iteration 4")
    assert picture.step == 4
    np.testing.assert_array_equal(pixels, expected)
    (act,) = events.Tensors("act/text_summary")
    assert (act.step, b'"skip"' in act.tensor_proto.string_val[0]) == (5, True)


def test_a_script_that_never_closes_its_monitor_has_its_values(tmp_path: Path) -> None:
    """And one that forks: the child has none of the threads, and waits for none."""
    code = (
        "import os, torch, backsight\n"
        "model = torch.nn.RNN(3, 4)\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "monitor = backsight.watch(model, optimizer, 'run', to='jsonl')\n"
        "for _ in range(3):\n"
        "    model(torch.randn(6, 2, 3))[0].square().mean().backward()\n"
        "    optimizer.step()\n"
        "if os.fork():\n"
        "    os.wait()\n"
        "else:\n"
        "    monitor.close()\n"
        "    os._exit(0)\n"
    )
    done = processes.run([sys.executable, "-c", code], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "run/values.jsonl").read_text().splitlines()
    losses = [x["iteration"] for x in map(json.loads, lines) if "loss" in x.get("scalars", {})]
    recorded = Run(tmp_path / "run").series("loss").iterations.tolist()
    assert losses == recorded
    assert losses[:2] == [0, 1]  # of the last iteration nothing tells that it has ended


# -- sinks that fail -----------------------------------------------------------------------------


def forwarded(path: Path, sink: Sink, **settings: Any) -> int:
    """A run of three iterations and an event, five values in all; how many the sink missed."""
    forwarding = Forwarding([sink], path, **({"retry": 0.0} | settings))
    with Recorder(path) as recorder:
        recorder.committed = forwarding.take
        for iteration in range(3):
            recorder.scalars(iteration, {"loss": 2.0})
        recorder.profile("reach", 2, [1.0])
        recorder.event("act", 2, {})
    forwarding.close()
    assert Run(path).iterations == 3
    return forwarding.missed


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left"), RuntimeError("wandb.init() first"), SystemExit(3)]
)
def test_a_sink_that_fails_does_not_stop_the_training(
    error: BaseException, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = Failing(error, "open")
    weights, _ = trained(run_path, to=sink)
    run = Run(run_path)
    assert (run.status, run.iterations) == ("finished", 4)
    assert all(weight.isfinite().all() for weight in weights)
    said = [r.getMessage() for r in caplog.records if "the sink" in r.getMessage()]
    count = sum(n for n, _ in run.extents.values()) + len(run.events())
    assert len(said) == 2
    assert said[0].startswith(f"backsight: the sink Failing failed ({type(error).__name__}: ")
    assert f"the sink Failing missed {count:,} values of run;" in said[1]


def test_what_one_call_does_not_take_is_counted_and_the_rest_arrives(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = Failing(ConnectionError("refused"), "scalars", times=1)
    events = threading.Event()
    sink.event = lambda *_: events.set()  # type: ignore[method-assign]
    forwarding = Forwarding([sink], run_path, retry=0.0)
    with Recorder(run_path) as recorder:
        recorder.committed = forwarding.take
        for iteration in range(3):
            recorder.scalars(iteration, {"loss": 2.0})
        recorder.event("act", 2, {}, urgent=True)
        assert events.wait(20)  # before the end, at which a failure gives up the rest
    forwarding.close()
    assert forwarding.missed == 1
    assert sink.values == {"loss": {1: 2.0, 2: 2.0}}


def test_a_failure_at_the_end_gives_up_what_is_left(run_path: Path) -> None:
    """A server that is down may let each call wait."""
    sink = Failing(ConnectionError("refused"), "scalars", "profile", "event")
    assert forwarded(run_path, sink, retry=60.0) == 5


@pytest.mark.parametrize("hangs", [True, False])
def test_a_sink_that_hangs_is_left_behind(
    hangs: bool, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And one that asks for more patience than the end of a training has."""
    gone = threading.Event()

    class Hanging(Kept):
        def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
            gone.wait(60)

    settings = {"patience": 0.05, "longest": 60.0}
    if not hangs:
        settings = {"patience": 60.0, "longest": 0.05}
    assert forwarded(run_path, Hanging(), **settings) == 5
    assert re.search(
        r"missed 5 values of run, because it was not ready after [\d.]+ s", caplog.text
    )
    gone.set()


def test_a_sink_that_gets_on_is_waited_for(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call takes nearly its patience, and all of them much more than that."""
    turn, taken = threading.Semaphore(0), threading.Semaphore(0)
    seconds, counted, made = 0.0, 0, False

    class Slow(Kept):
        patience = 1.0

        def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
            turn.acquire(timeout=20)
            super().scalars(iteration, values)

    sink = Slow()

    def clock() -> float:
        """At each look of whoever waits, one call has taken 0.9 seconds."""
        nonlocal seconds, counted, made
        found = len(sink.values.get("loss", ()))
        if threading.current_thread() is not threading.main_thread():
            if found > counted:
                counted = found
                taken.release()
        elif not made:  # its first look, before there is anything to take
            made = True
        elif found < 3:
            seconds += 0.9
            turn.release()
            taken.acquire(timeout=20)
        return seconds

    monkeypatch.setattr(_outlet, "time", SimpleNamespace(monotonic=clock))
    assert forwarded(run_path, sink) == 0
    assert seconds > 2 * sink.patience


def test_a_sink_that_is_slow_to_close_has_missed_nothing(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = threading.Event()

    class Slow(Kept):
        def close(self) -> None:
            gone.wait(60)

    sink = Slow()
    delivered = threading.Event()
    sink.event = lambda *_: delivered.set()  # type: ignore[method-assign]
    forwarding = Forwarding([sink], run_path, patience=0.05)
    with Recorder(run_path) as recorder:
        recorder.committed = forwarding.take
        recorder.scalars(0, {"loss": 2.0})
        recorder.event("act", 0, {}, urgent=True)
        assert delivered.wait(20)
    forwarding.close()
    assert forwarding.missed == 0
    (said,) = caplog.messages
    assert said.startswith("backsight: the sink Slow has all values of run, but it was not ready")
    gone.set()


class Buffering(Kept):
    """A sink that keeps what it has buffered when it is told to."""

    def __init__(self, *failures: int) -> None:
        super().__init__()
        self.waiting: list[tuple[int, Mapping[str, float]]] = []
        self.flushed: list[int] = []
        self._failures = failures

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        self.waiting.append((iteration, values))

    def flush(self) -> None:
        waiting, self.waiting = self.waiting, []
        self.flushed.append(sum(len(values) for _, values in waiting))
        if len(self.flushed) in self._failures:
            raise ConnectionError("refused")
        for iteration, values in waiting:
            super().scalars(iteration, values)


def test_a_sink_that_buffers_is_told_when_to_deliver(run_path: Path) -> None:
    """After a thousand values, and at the end of what was recorded; failures are counted."""
    sink = Buffering(2)
    delivered = threading.Event()
    sink.event = lambda *_: delivered.set()  # type: ignore[method-assign]
    forwarding = Forwarding([sink], run_path, retry=0.0, patience=60.0)
    with Recorder(run_path) as recorder:
        recorder.committed = forwarding.take
        for iteration in range(1_100):
            recorder.scalars(iteration, {"loss": 2.0, "lr": 0.1})
        recorder.event("act", 1_100, {}, urgent=True)
        assert delivered.wait(20)  # before the end, at which a failure gives up the rest
    forwarding.close()
    assert sum(sink.flushed) == 2_200
    assert max(sink.flushed) == 1_000
    assert forwarding.missed == sink.flushed[1]
    assert len(sink.values["loss"]) == (2_200 - sink.flushed[1]) / 2


def test_what_waits_for_a_slow_sink_is_bounded(
    run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_outlet, "KEEP_VALUES", 4)
    began, gone = threading.Event(), threading.Event()

    class Slow(Kept):
        def open(self, run: Path) -> None:
            began.set()
            gone.wait(60)

    sink = Slow()
    forwarding = Forwarding([sink], run_path)
    recorder = Recorder(run_path)
    recorder.committed = forwarding.take
    for iteration in range(4):  # commits of two values each, of which the first is under way
        recorder.scalars(iteration, {"loss": 2.0, "lr": 0.1})
        recorder.flush()
        assert began.wait(20)
    gone.set()
    recorder.close()
    forwarding.close()
    assert forwarding.missed == 2
    assert sorted(sink.values["loss"]) == [0, 2, 3]


def test_a_secret_in_an_error_is_hidden(run_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    error = ConnectionError("https://me:geheim@host/api refused, api_key=geheim")
    forwarded(run_path, Failing(error, "open"))
    assert "refused" in caplog.text
    assert "geheim" not in caplog.text


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = JsonLines(tmp_path / "values.jsonl")
    sink.open(tmp_path)
    sink.scalars(0, {"loss": 2.0})
    assert sink._file is not None
    real = sink._file._file

    class Full:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def write(self, data: bytes) -> int:
            if len(data) < 20:
                raise OSError(28, "No space left on device")
            return real.write(data[:20])

    sink._file._file = Full()  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space"):
        sink.scalars(1, {"loss": 2.5})
    sink._file._file = real
    sink.scalars(2, {"loss": 3.0})
    sink.close()
    lines = (tmp_path / "values.jsonl").read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in lines] == [0, 2]


# -- bad input -----------------------------------------------------------------------------------


def test_sinks_by_name_come_from_entry_points(tmp_path: Path) -> None:
    (sink,) = sinks_of(f"jsonl:{tmp_path / 'values.jsonl'}")
    assert isinstance(sink, JsonLines)
    sink.open(tmp_path / "run")
    sink.close()
    assert (tmp_path / "values.jsonl").exists()
    assert [type(one) for one in sinks_of(["jsonl", sink])] == [JsonLines, JsonLines]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("tensorbord", "there is no sink 'tensorbord': did you mean tensorboard?"),
        (["csv"], "there is no sink 'csv': choose from command, jsonl, "),
        ("jsonl:", "jsonl: needs a file after the colon, such as jsonl:mine.jsonl"),
        ("tensorboard:", "tensorboard: needs a folder after the colon, such as tensorboard:logs"),
        (7, "to expects sinks or their names, not 7: it lacks open, scalars, profile"),
        ([Kept], "pass an object, not its class"),
        ([print], "it lacks open, scalars, profile, event, close"),
    ],
)
def test_what_is_no_sink_is_told_before_there_is_a_run(
    given: Any, words: str, run_path: Path
) -> None:
    model = nn.RNN(3, 4)
    with pytest.raises(SettingError) as told:
        watch(model, torch.optim.SGD(model.parameters(), lr=0.1), run_path, to=given)
    assert words in str(told.value)
    assert not run_path.exists()


def test_a_sink_twice_is_told() -> None:
    sink = Kept()
    with pytest.raises(SettingError, match="names the same sink object twice"):
        sinks_of([sink, sink])


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorboard.compat.proto", None)
    with pytest.raises(SettingError, match=r"type pip install 'backsight\[tensorboard\]'$"):
        sinks_of("tensorboard")


def test_other_values_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "values.jsonl").write_text("mine")
    with pytest.raises(SettingError, match=r"values\.jsonl already exists: choose another file"):
        JsonLines(tmp_path / "values.jsonl")


def test_tensorboard_takes_a_folder_or_a_writer() -> None:
    with pytest.raises(SettingError, match="expects a folder or a SummaryWriter, not 3"):
        TensorBoard(3)  # type: ignore[arg-type]


def test_a_run_that_exists_leaves_no_thread(run_path: Path) -> None:
    Recorder(run_path).close()
    model = nn.RNN(3, 4)
    with pytest.raises(RunError, match="already exists"):
        watch(model, torch.optim.SGD(model.parameters(), lr=0.1), run_path, to=Kept())
    assert "backsight-Kept" not in {thread.name for thread in threading.enumerate()}


def test_another_process_of_the_training_opens_no_sink(
    run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    sink = Kept()
    trained(run_path, to=sink)
    assert (sink.runs, run_path.exists()) == ([], False)
