"""The sink of trackio: its own client reads back the run. Skipped where it is not installed."""

import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backsight.errors import SettingError
from backsight.integrations import Trackio
from backsight.monitor.sinks import Forwarding
from backsight.signals import Recorder

FINDING = {"code": "BKS201", "title": "not finite", "severity": "warning", "message": "a NaN"}


class Store:
    """A stand-in for trackio's database, which CI does not install: it keeps what it is told."""

    def __init__(self) -> None:
        self.logs: list[dict[str, Any]] = []
        self.alerts: list[dict[str, Any]] = []

    def get_runs(self, project: str) -> list[str]:
        return ["run", "run-2", "other"] if project == "mine" else []

    def bulk_log(self, **given: Any) -> None:
        self.logs.append(given)

    def bulk_alert(self, **given: Any) -> None:
        self.alerts.append(given)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    known = Store()
    package = SimpleNamespace(
        __version__="0.43.0", Histogram=SimpleNamespace(TYPE="trackio.histogram")
    )
    inside = SimpleNamespace(SQLiteStorage=known)
    monkeypatch.setitem(sys.modules, "trackio", package)
    monkeypatch.setitem(sys.modules, "trackio.sqlite_storage", inside)
    return known


def test_what_was_recorded_together_is_written_together(store: Store, run_path: Path) -> None:
    forwarding = Forwarding([Trackio("mine", clock=lambda: 0.0)], run_path, patience=60.0)
    with Recorder(run_path) as recorder:
        recorder.committed = forwarding.take
        recorder.series("loss", [0, 7], [2.5, float("nan")])
        recorder.profile("reach/gru.l0", 7, [1.0, float("nan")])
        recorder.event("act", 7, {})
        recorder.event("finding", 7, FINDING)
    forwarding.close()
    assert forwarding.missed == 0
    rows: list[Mapping[str, Any]] = [row for log in store.logs for row in log["metrics_list"]]
    bins = [-0.5, 0.5, 1.5]
    histogram = {"_type": "trackio.histogram", "bins": bins, "values": [1.0, "NaN"]}
    expected = [{"loss": 2.5}, {"loss": np.nan}, {"reach/gru.l0": histogram}]
    np.testing.assert_equal(rows, expected)
    assert [step for log in store.logs for step in log["steps"]] == [0, 7, 7]
    assert {(log["project"], log["run"]) for log in store.logs} == {("mine", "run-3")}
    assert store.logs[0]["config"]["run"] == str(run_path)
    assert store.logs[0]["timestamps"][0] == "1970-01-01T00:00:00+00:00"
    (alert,) = store.alerts
    told = {name: alert[name] for name in ("titles", "texts", "levels", "steps")}
    assert told == {
        "titles": ["BKS201 not finite"], "texts": ["a NaN"], "levels": ["warn"], "steps": [7],
    }  # fmt: skip


def test_bad_input_is_one_sentence(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="needs the name of a project after the colon"):
        Trackio("")
    monkeypatch.setattr(sys.modules["trackio"], "__version__", "0.1.0")
    with pytest.raises(SettingError, match=r"trackio 0\.20 or newer, not 0\.1\.0: type pip"):
        Trackio()
    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(SettingError, match=r"type pip install 'backsight\[trackio\]'$"):
        Trackio()


def test_its_own_client_reads_back_the_run(tmp_path: Path) -> None:
    """In a process of its own: trackio asks for its folder when it is imported."""
    pytest.importorskip("trackio", reason="trackio is not installed")
    code = """
        import os
        os.environ["TRACKIO_DIR"] = "trackio"
        import math
        from pathlib import Path
        import trackio
        from backsight.integrations import Trackio
        from backsight.monitor.sinks import Forwarding
        from backsight.signals import Recorder
        from trackio.sqlite_storage import SQLiteStorage

        forwarding = Forwarding([Trackio("mine")], Path("run"), patience=60.0)
        with Recorder("run") as recorder:
            recorder.committed = forwarding.take
            recorder.series("loss", range(3), [2.5, math.nan, -math.inf])
            recorder.profile("reach/gru.l0", 1, [1.0, math.nan, 0.25])
        forwarding.close()
        assert forwarding.missed == 0
        assert trackio.context_vars.current_run.get() is None
        (run,) = trackio.Api().runs("mine")
        assert run.name == "run", run
        rows = SQLiteStorage.get_logs("mine", "run")
        loss = {row["step"]: row["loss"] for row in rows if "loss" in row}
        assert (loss[0], math.isnan(loss[1]), loss[2]) == (2.5, True, -math.inf), loss
        (reach,) = (row["reach/gru.l0"] for row in rows if "reach/gru.l0" in row)
        assert reach["bins"] == [-0.5, 0.5, 1.5, 2.5], reach
        assert list(map(float, reach["values"]))[::2] == [1.0, 0.25], reach
        assert math.isnan(float(reach["values"][1])), reach
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
