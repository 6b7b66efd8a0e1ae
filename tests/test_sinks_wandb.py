"""The sink of W&B, offline: its own file read back. Skipped where wandb is not installed."""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backsight.errors import SettingError
from backsight.integrations import WandB
from backsight.monitor.sinks import Forwarding, sinks_of
from backsight.signals import Recorder


def test_each_value_has_its_iteration_and_a_run_of_its_own(
    monkeypatch: pytest.MonkeyPatch, run_path: Path
) -> None:
    """With a stand-in for the package, which CI does not install: what it is called with."""
    told: list[tuple[Any, ...]] = []

    class Stand:
        def __getattr__(self, name: str) -> Any:
            def call(*given: Any, **named: Any) -> Any:
                told.append((name, *given, named))
                return self

            return call

    package = SimpleNamespace(
        init=lambda **named: Stand().init(**named),
        Settings=lambda **named: named,
        Histogram=lambda np_histogram: np_histogram,
        Html=lambda html, inject: (html, inject),
    )
    monkeypatch.setitem(__import__("sys").modules, "wandb", package)
    with Recorder(run_path) as recorder:
        recorder.scalars(7, {"loss": 2.5})
    sink = WandB("mine", group="g")
    sink.open(run_path)
    sink.scalars(7, {"loss": 2.5})
    sink.profile("reach", 7, np.array([1.0, 0.5], "f4"))
    sink.profile("reach", 8, np.array([0.0] * 1022 + [0.25, 0.0]))
    sink.event("act", 8, {})
    body = {"code": "BKS201", "title": "not finite", "severity": "warning", "message": "a NaN"}
    sink.event("finding", 9, body)
    sink.close()
    init, _, _, loss, short, long, alert, glance, finish = told
    assert (init[1]["project"], init[1]["mode"], init[1]["group"]) == ("mine", "offline", "g")
    assert (init[1]["reinit"], init[1]["settings"]["console"]) == ("create_new", "off")
    assert loss == ("log", {"loss": 2.5, "iteration": 7}, {})
    assert short[1] == {"reach": ([1.0, 0.5], [-0.5, 0.5, 1.5]), "iteration": 7}
    heights, edges = long[1]["reach"]
    assert (heights, edges[:2], edges[-1]) == ([0.0] * 511 + [0.25], [-0.5, 1.5], 1023.5)
    assert alert[1]["level"] == "WARN"
    assert alert[1]["text"] == "iteration 9: a NaN"
    assert (glance[1]["run"][1], glance[1]["iteration"]) == (False, 7)
    assert "2.5 at iteration 7" in glance[1]["run"][0]
    assert finish[0] == "finish"


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "wandb", None)
    with pytest.raises(SettingError, match=r"type pip install 'backsight\[wandb\]'$"):
        sinks_of("wandb")


def records(file: Path) -> Iterator[bytes]:
    """W&B's own file is a log of LevelDB: blocks of 32 KiB, records in pieces."""
    content, at, whole = file.read_bytes(), 7, b""
    while at + 7 <= len(content):
        if at % 32768 > 32768 - 7:
            at += 32768 - at % 32768
        _, length, kind = struct.unpack_from("<IHB", content, at)
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield whole
            whole = b""


def history(file: Path, kind: Any) -> list[dict[str, Any]]:
    rows = []
    for content in records(file):
        record = kind()
        record.ParseFromString(content)
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            rows.append({"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in items})
    return rows


def test_the_offline_file_reads_back_as_the_run(
    run_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    wandb = pytest.importorskip("wandb", reason="wandb is not installed")
    from wandb.proto import wandb_internal_pb2

    forwarding = Forwarding([WandB()], run_path, patience=60.0)
    with Recorder(run_path) as recorder:
        recorder.committed = forwarding.take
        recorder.series("loss", [0, 1, 2], [2.5, float("nan"), float("-inf")])
        recorder.profile("reach/gru.l0", 1, [1.0, float("nan"), 0.25])
    forwarding.close()
    assert forwarding.missed == 0
    assert wandb.run is None
    (file,) = run_path.glob("wandb/offline-run-*/*.wandb")
    until = time.monotonic() + 20  # W&B's own process writes on for a moment after the end
    while len(rows := history(file, wandb_internal_pb2.Record)) < 5 and time.monotonic() < until:
        time.sleep(0.05)
    loss = {row["iteration"]: float(row["loss"]) for row in rows if "loss" in row}
    np.testing.assert_equal(loss, {0: 2.5, 1: np.nan, 2: -np.inf})
    (reach,) = (row for row in rows if "reach/gru.l0/values" in row)
    assert reach["iteration"] == 1
    np.testing.assert_equal(reach["reach/gru.l0/values"], [1.0, np.nan, 0.25])
    assert reach["reach/gru.l0/bins"] == [-0.5, 0.5, 1.5, 2.5]
    (page,) = run_path.glob("wandb/offline-run-*/files/media/html/run_*.html")
    assert "-Infinity at iteration 2" in page.read_text()
    assert capfd.readouterr().out == ""
