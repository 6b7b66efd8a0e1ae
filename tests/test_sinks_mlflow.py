"""The sink of MLflow: its own client reads back the run. Skipped where mlflow is not installed."""

import json
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backsight.errors import SettingError
from backsight.integrations import MLflow
from backsight.monitor.sinks import Forwarding, sinks_of
from backsight.signals import Recorder

FINDING = {"code": "BKS201", "title": "not finite", "severity": "error", "message": "a NaN"}


class Told:
    """A stand-in for the package, which CI does not install: it keeps what it is called with."""

    __version__ = "3.1.0"

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.entities = SimpleNamespace(
            Metric=lambda *given: given, RunStatus=SimpleNamespace(from_string=lambda word: word)
        )
        store = SimpleNamespace(update_run_info=self.end)
        self._tracking_client = SimpleNamespace(store=store)

    def get_tracking_uri(self) -> str:
        return "sqlite:///here.db"

    def MlflowClient(self, tracking_uri: str) -> Any:  # noqa: N802
        self.calls.append(("client", tracking_uri))
        return self

    def get_experiment_by_name(self, name: str) -> Any:
        return None

    def create_experiment(self, name: str) -> str:
        self.calls.append(("experiment", name))
        return "7"

    def create_run(self, number: str, run_name: str, tags: Mapping[str, str]) -> Any:
        self.calls.append(("run", (number, run_name, dict(tags))))
        return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

    def log_batch(self, run: str, metrics: list[Any], synchronous: bool) -> None:
        self.calls.append(("batch", (run, metrics, synchronous)))

    def set_tag(self, run: str, key: str, value: str) -> None:
        self.calls.append(("tag", (key, value)))

    def log_artifacts(self, run: str, folder: str) -> None:
        files = {path.name: path.read_text() for path in Path(folder).iterdir()}
        self.calls.append(("artifacts", files))

    def end(self, run: str, run_status: str, end_time: int, run_name: None) -> None:
        self.calls.append(("end", (run_status, end_time)))

    def update_run(self, run: str, status: str) -> None:
        self.calls.append(("end", (status, None)))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    package = Told()
    monkeypatch.setitem(__import__("sys").modules, "mlflow", package)
    return package


def test_it_begins_a_run_of_its_own_and_hands_on_a_thousand_metrics_at_once(
    told: Told, run_path: Path
) -> None:
    Recorder(run_path).close("failed", "stopped", "error")
    sink = MLflow(tags={"mine": "1"}, clock=lambda: 12.5)
    sink.open(run_path)
    tags = {"backsight.run": str(run_path), "mine": "1"}
    assert told.calls == [
        ("client", "sqlite:///here.db"), ("experiment", "backsight"), ("run", ("7", "run", tags)),
    ]  # fmt: skip
    told.calls.clear()
    sink.scalars(7, {"loss": 2.5, "lr/a[0]": float("nan")})
    sink.scalars(8, dict.fromkeys(map(str, range(1_100)), 1.0))
    sink.profile("reach/gru.l0", 7, np.array([1.0, np.nan]))
    sink.profile("reach/gru.l0", 8, np.array([1.0, 0.5]))
    assert told.calls == []
    sink.flush()
    sink.flush()
    batches = [call[1] for call in told.calls]
    assert [(run, len(metrics), now) for run, metrics, now in batches] == [
        ("r1", 1_000, True), ("r1", 102, True),
    ]  # fmt: skip
    first, second, *_ = batches[0][1]
    assert first == ("loss", 2.5, 12_500, 7)
    assert second[0] == "lr/a_0_"
    told.calls.clear()
    sink.event("act", 8, {})
    sink.event("finding", 9, FINDING | {"message": "m" * 600})
    sink.close()
    (tag, end, artifacts) = told.calls
    assert tag[1][0] == "backsight.finding.BKS201"
    assert tag[1][1].startswith("error at iteration 9: not finite: mmm")
    assert len(tag[1][1]) == 500
    assert set(artifacts[1]) == {"profiles.json", "report.html"}
    newest = {"reach/gru.l0": {"iteration": 8, "row": [1.0, 0.5]}}
    assert json.loads(artifacts[1]["profiles.json"]) == newest
    assert end == ("end", ("FAILED", 12_500))
    told._tracking_client = SimpleNamespace()
    sink.close()
    assert told.calls[-2] == ("end", ("FAILED", None))


def test_metrics_that_fail_are_counted_and_forgotten(told: Told, run_path: Path) -> None:
    """The rest arrives: a server may come back."""

    def refuse(*_: Any, **__: Any) -> None:
        told.log_batch = type(told).log_batch.__get__(told)  # type: ignore[method-assign]
        raise ConnectionError("refused")

    told.log_batch = refuse  # type: ignore[method-assign]
    delivered = threading.Event()
    told.set_tag = lambda *_: delivered.set()  # type: ignore[method-assign]
    sink = MLflow()
    forwarding = Forwarding([sink], run_path, retry=0.0, patience=60.0)
    with Recorder(run_path) as recorder:
        recorder.committed = forwarding.take
        recorder.series("loss", range(1_500), np.ones(1_500))
        recorder.event("finding", 1_500, FINDING, urgent=True)
        assert delivered.wait(20)  # before the end, at which a failure gives up the rest
    forwarding.close()
    (batch,) = (call[1] for call in told.calls if call[0] == "batch")
    assert (forwarding.missed, len(batch[1])) == (1_000, 500)


def test_a_server_that_is_down_is_told_at_once(
    told: Told, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """MLflow itself would try for minutes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (sink,) = sinks_of([MLflow(f"http://127.0.0.1:{port}")])
    forwarding = Forwarding([sink], run_path, patience=60.0)
    with Recorder(run_path) as recorder:
        recorder.committed = forwarding.take
        recorder.scalars(0, {"loss": 2.0, "lr": 0.1})
    forwarding.close()
    assert forwarding.missed == 2
    first, last = caplog.messages
    assert "the sink MLflow failed (ConnectionError: no answer from the MLflow server: " in first
    assert "missed 2 values of run; the run folder has all of them" in last
    assert told.calls == []


def test_bad_input_is_one_sentence(monkeypatch: pytest.MonkeyPatch, told: Told) -> None:
    with pytest.raises(SettingError, match=r"needs a tracking URI after the colon"):
        MLflow("")
    monkeypatch.setattr(Told, "__version__", "1.30.1")
    with pytest.raises(
        SettingError,
        match=r"^the sink MLflow needs mlflow 2\.14 or newer, not 1\.30\.1: type pip install "
        r"--upgrade 'backsight\[mlflow\]'$",
    ):
        MLflow()
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    with pytest.raises(SettingError, match=r"type pip install 'backsight\[mlflow\]'$"):
        MLflow()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # MLflow
@pytest.mark.parametrize("store", ["database", "folder"])
def test_its_own_client_reads_back_the_run(
    store: str,
    run_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db" if store == "database" else f"{tmp_path}/mlruns"
    mlflow.set_tracking_uri(uri)  # and none is named
    with mlflow.start_run() as active:
        forwarding = Forwarding([MLflow()], run_path, patience=120.0)
        with Recorder(run_path) as recorder:
            recorder.committed = forwarding.take
            recorder.series("loss", range(4), [2.5, float("nan"), float("-inf"), 0.1])
            recorder.series("grad_norm", range(1_200), np.arange(1_200) / 8)
            recorder.scalars(3, {"grad_norm/rnn.weight_hh_l0": 0.25})
            recorder.profile("reach/gru.l0", 1, [1.0, float("nan"), 0.25])
            recorder.event("finding", 2, FINDING)
        forwarding.close()
        assert mlflow.active_run().info.run_id == active.info.run_id
    assert forwarding.missed == 0
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("backsight").experiment_id
    assert capfd.readouterr().out == ""
    (run,) = client.search_runs([experiment])
    assert (run.info.status, run.info.run_name) == ("FINISHED", "run")
    assert run.data.tags["backsight.finding.BKS201"] == "error at iteration 2: not finite: a NaN"

    def history(name: str) -> dict[int, float]:
        name = name if store == "database" else name.replace("/", ".")
        return {m.step: m.value for m in client.get_metric_history(run.info.run_id, name)}

    infinite = np.inf if store == "folder" else np.finfo(float).max  # a database has none
    np.testing.assert_equal(history("loss"), {0: 2.5, 1: np.nan, 2: -infinite, 3: 0.1})
    assert history("grad_norm") == {at: at / 8 for at in range(1_200)}
    assert history("grad_norm/rnn.weight_hh_l0") == {3: 0.25}
    place = client.download_artifacts(run.info.run_id, "profiles.json")
    reach = json.loads(Path(place).read_text())["reach/gru.l0"]
    assert reach == {"iteration": 1, "row": [1.0, "NaN", 0.25]}
