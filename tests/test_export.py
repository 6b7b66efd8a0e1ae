"""``backsight export``: each format, read back by its own reader, is the run."""

import csv
import io
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

from backsight.cli import main
from backsight.cli._export import Export
from backsight.errors import RunError, SettingError
from backsight.integrations.export import FORMATS, _parts, export_run
from backsight.signals import Recorder, Run

NAN, INF = float("nan"), float("inf")
SCALARS: dict[str, dict[int, float]] = {
    "grad_norm": {0: 0.1, 2: INF, 3: 1e300},
    "iteration": {2: 7.0},
    "loss": {0: 2.5, 1: NAN, 2: -INF, 3: 5e-324},
    "my,signal": {3: float(np.float32(0.1))},
}
PROFILES: dict[str, dict[int, list[float]]] = {
    "reach/gru.l0": {0: [1.0, 0.5], 3: [1.0, NAN, -INF]},
    "reach/gru.l1": {3: [0.0]},
}
BODY = {"code": "BKS201", "title": "not finite", "message": "Ein “Zitat”,\nzwei", "value": "NaN"}


def record(path: Path, leave_out: str = "") -> Recorder:
    recorder = Recorder(path)
    for at in range(4):
        of_iteration = {n: v[at] for n, v in SCALARS.items() if at in v and n != leave_out}
        if "my,signal" in of_iteration:
            recorder.series("my,signal", [at], np.array([of_iteration.pop("my,signal")], "f4"))
        recorder.scalars(at, of_iteration)
        for name, rows in PROFILES.items():
            if at in rows:
                recorder.profile(name, at, rows[at])
    recorder.event("finding", 1, BODY)
    return recorder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("export") / "run"
    record(path).close()
    return Run(path)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tables come in several parts; and in a folder of their own."""
    monkeypatch.setattr(_parts, "LONGEST", 2)
    monkeypatch.chdir(tmp_path)


def test_csv_reads_back(run: Run) -> None:
    files = export_run(run)
    assert files == [Path("run-csv") / f"{name}.csv" for name in ("scalars", "profiles", "events")]
    scalars, profiles, events = (
        list(csv.reader(io.StringIO(file.read_bytes().decode(), newline=""))) for file in files
    )
    header, *lines = scalars
    assert header == ["iteration", "grad_norm", "iteration (signal)", "loss", "my,signal"]
    found: dict[str, dict[int, float]] = {name: {} for name in SCALARS}
    for at, *cells in lines:
        for name, cell in zip(SCALARS, cells, strict=True):
            if cell:
                found[name][int(at)] = float(cell)
    np.testing.assert_equal(found, SCALARS)
    rows: dict[str, dict[int, list[float]]] = {}
    for name, at, step, value in profiles[1:]:
        row = rows.setdefault(name, {}).setdefault(int(at), [])
        assert len(row) == int(step)
        row.append(float(value))
    np.testing.assert_equal(rows, PROFILES)
    ((at, time, kind, body),) = events[1:]
    assert (int(at), kind, json.loads(body)) == (1, "finding", BODY)
    assert float(time) == run.events()[0].time


def test_parquet_reads_back(run: Run) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    files = export_run(run, "parquet")
    scalars, profiles, events = (parquet.read_table(file) for file in files)
    at = scalars["iteration"].to_pylist()
    assert at == [0, 1, 2, 3]
    for name, column in zip(SCALARS, scalars.column_names[1:], strict=True):
        values = zip(at, scalars[column].to_pylist(), strict=True)
        found = {i: value for i, value in values if value is not None}  # a NaN is no null
        np.testing.assert_equal(found, SCALARS[name])
    rows: dict[str, dict[int, list[float]]] = {}
    for row in profiles.to_pylist():
        rows.setdefault(row["signal"], {})[row["iteration"]] = row["values"]
    np.testing.assert_equal(rows, PROFILES)
    (event,) = events.to_pylist()
    assert (event["iteration"], json.loads(event["body"])) == (1, BODY)
    assert scalars.schema.metadata == {b"run": b"run", b"status": b"finished"}


def test_netcdf_reads_back(tmp_path: Path) -> None:
    pytest.importorskip("netCDF4", reason="netCDF4 is not installed")
    import xarray

    record(tmp_path / "run", leave_out="iteration").close()
    (file,) = export_run(tmp_path / "run", "netcdf")
    with xarray.open_dataset(file) as data:
        for name in ("grad_norm", "loss", "my,signal"):
            (along,) = data[name].dims
            at = data[along].values.tolist()
            found = dict(zip(at, data[name].values.tolist(), strict=True))
            np.testing.assert_equal(found, SCALARS[name])
        for name, rows in PROFILES.items():
            variable = data[name.replace("/", ":")]
            widths = data[f"{name.replace('/', ':')}_width"].values.tolist()
            at = data[variable.dims[0]].values.tolist()
            table = zip(at, variable.values.tolist(), widths, strict=True)
            np.testing.assert_equal({i: row[:width] for i, row, width in table}, rows)
        assert [event["body"] for event in json.loads(data.attrs["events"])] == [BODY]
        assert data.attrs["status"] == "finished"


def test_json_lines_read_back(run: Run) -> None:
    (file,) = export_run(run, "jsonl")
    lines = [json.loads(x, parse_constant=pytest.fail) for x in file.read_text().splitlines()]
    assert [line["iteration"] for line in lines] == sorted(line["iteration"] for line in lines)
    values: dict[str, dict[int, float]] = {}
    rows: dict[str, dict[int, list[float]]] = {}
    for line in lines:
        for name, value in line.get("scalars", {}).items():
            values.setdefault(name, {})[line["iteration"]] = float(value)
        for name, row in line.get("profiles", {}).items():
            rows.setdefault(name, {})[line["iteration"]] = [float(value) for value in row]
    np.testing.assert_equal(values, SCALARS)
    np.testing.assert_equal(rows, PROFILES)
    assert [x for x in lines if "event" in x] == [
        {"iteration": 1, "event": "finding", "body": BODY}
    ]


def test_tensorboard_reads_back(run: Run) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (folder,) = export_run(run, "tensorboard")
    (folder / "events.out.tfevents.1.mine").write_bytes(b"")
    export_run(run, "tensorboard", force=True)  # in place of the first one
    assert len(list(folder.glob("*.backsight"))) == 1
    assert (folder / "events.out.tfevents.1.mine").exists()
    events = EventAccumulator(
        str(next(folder.glob("*.backsight"))), size_guidance={"histograms": 0}
    ).Reload()
    for name, expected in SCALARS.items():
        points = {event.step: event.value for event in events.Scalars(name)}
        with np.errstate(over="ignore"):  # 1e300 is none of its numbers
            single = {i: float(np.float32(v)) for i, v in expected.items()}
        np.testing.assert_equal(points, single)
    for name, rows in PROFILES.items():
        found = {e.step: list(e.histogram_value.bucket) for e in events.Histograms(name)}
        np.testing.assert_equal(found, rows)
    (text,) = events.Tensors("finding/BKS201/text_summary")
    assert (text.step, text.wall_time) == (1, run.info["created"])


def test_a_run_that_trains_can_be_exported(tmp_path: Path) -> None:
    recorder = record(tmp_path / "run")
    recorder.flush()
    files = export_run(tmp_path / "run")
    assert len(files[0].read_text().splitlines()) == 5
    assert Run(tmp_path / "run").status == "running"
    recorder.close()


def test_the_command_knows_every_format_and_prints_what_it_wrote(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert get_args(get_type_hints(Export)["to"]) == tuple(FORMATS)
    assert main(["export", str(run.path), "--to", "jsonl", "-o", "deep/er/run.jsonl"]) == 0
    assert capsys.readouterr().out == "deep/er/run.jsonl\n"


def test_export_never_imports_torch(run: Run) -> None:
    code = (
        "import sys; from backsight.cli import main\n"
        "for to in sys.argv[2:]: assert main(['export', sys.argv[1], '--to', to]) == 0\n"
        "assert 'torch' not in sys.modules"
    )
    formats = ["csv", "jsonl"]
    if find_spec("tensorboard"):
        formats.append("tensorboard")
    subprocess.run([sys.executable, "-c", code, str(run.path), *formats], check=True)


# -- bad input -----------------------------------------------------------------------------------


def said(capsys: pytest.CaptureFixture[str], *words: Any) -> str:
    """What the command complains of, with exit status 2."""
    assert main(["export", *map(str, words)]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    return told.err


@pytest.mark.parametrize("to", ["csv", "jsonl"])
def test_what_is_there_stays(run: Run, to: str, capsys: pytest.CaptureFixture[str]) -> None:
    mine = Path("out/mine.txt")
    mine.parent.mkdir()
    mine.write_text("mine")
    place = mine.parent if to == "csv" else mine
    told = said(capsys, run.path, "--to", to, "--out", place)
    assert f"{place} already exists: choose another place with --out, or replace it" in told
    assert mine.read_text() == "mine"
    assert main(["export", str(run.path), "--to", to, "--out", str(place), "--force"]) == 0
    assert (mine.read_text() == "mine") == (to == "csv")  # of a folder, other files stay


def test_an_empty_folder_may_be_filled(run: Run) -> None:
    Path("out").mkdir()
    assert len(export_run(run, out="out")) == 3


def test_a_file_for_a_folder_and_the_other_way_round(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").touch()
    Path("folder").mkdir()
    told = said(capsys, run.path, "--out", "file", "--force")
    assert "file is not a folder, but csv needs one" in told
    told = said(capsys, run.path, "--to", "jsonl", "--out", "folder", "--force")
    assert "folder is a folder, but jsonl is one file: add its name" in told


def test_a_place_that_cannot_be_written(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").touch()
    for to in ("csv", "jsonl"):
        told = said(capsys, run.path, "--to", to, "--out", "file/out")
        assert "file/out cannot be written: " in told


def test_an_empty_a_damaged_and_a_missing_run(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Recorder(tmp_path / "empty").close()
    assert "empty has nothing to export: nothing is recorded in it yet" in said(capsys, "empty")
    assert "nowhere" in said(capsys, "nowhere")
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for file in ("run.json", "signals.db"):
        (damaged / file).write_bytes((run.path / file).read_bytes())
    content = bytearray((damaged / "signals.db").read_bytes())
    place = content.index(np.array([2.5, NAN]).tobytes())  # the loss
    content[place] ^= 1
    (damaged / "signals.db").write_bytes(content)
    for to in ("csv", "jsonl"):
        assert "damaged" in said(capsys, "damaged", "--to", to)
    assert not Path("damaged.jsonl").exists()
    assert not list(Path("damaged-csv").iterdir())


@pytest.mark.parametrize(
    ("to", "package"),
    [("parquet", "pyarrow"), ("netcdf", "netCDF4"), ("tensorboard", "tensorboard")],
)
def test_a_missing_package_is_one_sentence(
    to: str, package: str, run: Run, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name in [package, *(m for m in sys.modules if m.startswith(f"{package}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    told = said(capsys, run.path, "--to", to)
    assert package in told
    assert f"type pip install 'backsight[{to}]'" in told
    assert not list(Path().iterdir())


def test_an_unknown_format(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert "csv" in said(capsys, run.path, "--to", "xlsx")
    with pytest.raises(SettingError, match="there is no format 'xlsx': choose from csv, parquet"):
        export_run(run, "xlsx")


def test_netcdf_refuses_a_signal_named_as_its_axis(run: Run) -> None:
    pytest.importorskip("netCDF4", reason="netCDF4 is not installed")
    with pytest.raises(SettingError, match="has a signal named 'iteration'"):
        export_run(run, "netcdf")


def test_a_run_error_is_not_taken_for_the_output(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "events", lambda self: (_ for _ in ()).throw(RunError("damaged")))
    with pytest.raises(RunError, match=r"^damaged$"):
        export_run(run)
