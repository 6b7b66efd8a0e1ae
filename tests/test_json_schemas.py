"""Every ``--json`` output is as its schema in ``docs/schemas`` says, strictly."""

import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from backsight.cli import main
from backsight.cli._main import COMMANDS
from backsight.cli._study import KINDS
from backsight.signals import Recorder, Run
from tests.test_study_folders import FIXTURES, LENGTH, MAP, Refusing
from tests.test_study_remedies import Pretended, orthogonal_helps, script_run

DOCS = Path(__file__).parent.parent / "docs"
SCHEMAS = {file.stem: json.loads(file.read_text()) for file in (DOCS / "schemas").glob("*.json")}

ALL = [*((name,) for name in COMMANDS if name != "study"), *(("study", kind) for kind in KINDS)]

REMEDIES = (
    "study", "remedies", "temporal-order", "--only", "orthogonal,gru", "--length", "30", "--hidden",
    "8", "--batch", "4", "--validate-sequences", "20", "--iterations", "24", "--json", "--out",
)  # fmt: skip

Told = Callable[..., Any]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """What a command prints as JSON, checked against its schema; and its exit status."""

    def run(*words: object, status: int = 0) -> Any:
        arguments = [str(word) for word in words]
        capsys.readouterr()
        assert main(arguments) == status
        output = json.loads(capsys.readouterr().out, parse_constant=_refuse)
        name = "-".join(arguments[: 2 if arguments[0] == "study" else 1])
        Draft202012Validator(SCHEMAS[name]).validate(output)
        return output

    return run


def _refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object of a schema that has keys of its own, and every key's."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


# -- the schemas -------------------------------------------------------------------------------


def test_every_command_with_json_has_a_schema_and_no_other_has(
    capsys: pytest.CaptureFixture[str],
) -> None:
    named = set()
    for command in ALL:
        with pytest.raises(SystemExit) as ended:
            raise SystemExit(main([*command, "--help"]))
        assert not ended.value.code
        if "--json" in capsys.readouterr().out:
            named.add("-".join(command))
    assert len(named) > 3
    assert named == set(SCHEMAS)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_is_strict_and_says_what_each_key_is(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    found = list(objects(schema))
    assert found
    for one in found:
        optional = one["properties"].keys() - set(one["required"])
        assert one["additionalProperties"] is False
        assert set(one["required"]) <= one["properties"].keys()
        assert optional <= {"digest"}
        for key, value in one["properties"].items():
            assert value["description"].endswith("."), key


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_is_linked(name: str) -> None:
    assert f"(schemas/{name}.json)" in (DOCS / "json.md").read_text()


def test_a_schema_refuses_what_is_not_in_it(told: Told, small_run: Run) -> None:
    """Or the tests below would prove nothing."""
    sound = told("runs", small_run.path.parent, "--json")
    check = Draft202012Validator(SCHEMAS["runs"])
    for change in ({"more": 1}, {"loss": "nan"}, {"status": "done"}, {"iterations": -1}):
        with pytest.raises(ValidationError):
            check.validate([{**sound[0], **change}])
    del sound[0]["age"]
    with pytest.raises(ValidationError):
        check.validate(sound)


# -- the outputs -------------------------------------------------------------------------------


def test_compare(told: Told, small_run: Run, tmp_path: Path) -> None:
    with Recorder(tmp_path / "other", config={"lr": 0.1}) as recorder:
        recorder.series("loss", range(100), [math.nan] * 100)
        recorder.profile("reach/rnn.l0", 0, [1.0, 0.5])
    with Recorder(tmp_path / "empty") as recorder:
        pass
    found = told("compare", small_run.path, tmp_path / "other", tmp_path / "empty", "--json")
    assert [run["loss"] for run in found["runs"]] == [2.01, "NaN", None]
    assert found["runs"][1]["difference"]["exact"]["difference"] == "NaN"


def test_version(told: Told) -> None:
    assert told("version", "--json")["python"]


def test_runs(told: Told, tmp_path: Path) -> None:
    """Finished, running, failed and without a loss; with a NaN; a damaged one is not among them."""
    (tmp_path / "empty").mkdir()
    assert told("runs", tmp_path / "empty", "--json") == []
    runs = tmp_path / "runs"
    shutil.copytree(FIXTURES / "run-with-findings", runs / "old")
    with Recorder(runs / "nan", kind="mine", config={}, seed=None) as recorder:
        recorder.scalars(0, {"loss": math.nan, "val_loss": -math.inf})
    failed = Recorder(runs / "failed", kind="mine", config={}, seed=None)
    with pytest.raises(ValueError, match="mine"), failed:
        raise ValueError("mine")
    with Recorder(runs / "running", kind="mine", config={}, seed=None) as recorder:
        recorder.scalars(0, {"loss": 1.0})
        rows = {row["name"]: row for row in told("runs", runs, "--json")}
    assert (rows["nan"]["loss"], rows["nan"]["val_loss"]) == ("NaN", "-Infinity")
    assert rows["failed"]["loss"] is None
    assert {row["status"] for row in rows.values()} == {"finished", "failed", "running"}
    (runs / "nan" / "run.json").write_text("{")
    left = told("runs", runs, "--json", status=2)
    assert {row["name"] for row in left} == {"old", "failed", "running"}


def test_diagnose(told: Told, tmp_path: Path, small_run: Run) -> None:
    found = told("diagnose", FIXTURES / "run-with-findings", "--json", status=1)
    assert found["has_errors"]
    assert found["findings"]
    with Recorder(tmp_path / "empty", kind="mine", config={}, seed=None):
        pass
    empty = told("diagnose", tmp_path / "empty", "--json")
    assert (empty["findings"], empty["timeline"], empty["remedies"]) == ([], None, None)
    (small_run.path / "remedies.json").write_text("{")
    damaged = told("diagnose", small_run.path, "--json", status=int(_errors(small_run)))
    assert "remedies.json" in damaged["remedies"]["error"]


def _errors(run: Run) -> bool:
    from backsight.diagnosis import diagnose

    return diagnose(run).has_errors


def test_diagnose_of_a_run_that_lost_its_loss(told: Told, tmp_path: Path) -> None:
    """With a timeline, and evidence that is not finite."""
    with Recorder(tmp_path / "lost", kind="mine", config={}, seed=None) as recorder:
        for i in range(400):
            norm = 0.5 + 0.01 * math.sin(i) if i < 380 else 1e6
            loss = 1.0 + 0.01 * math.cos(i) if i < 390 else math.nan
            recorder.scalars(i, {"loss": loss, "grad_norm": norm})
    chain = told("diagnose", tmp_path / "lost", "--json", status=1)["timeline"]
    assert chain["code"] == "BKS201"
    assert [move["signal"] for move in chain["moves"]] == ["grad_norm", "loss"]
    assert chain["moves"][1]["extreme"] == "NaN"


def test_study_length(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole, and with a trial that fails."""
    folder = tmp_path / "study"
    shutil.copytree(FIXTURES / "length-study", folder)
    assert told(*LENGTH, folder)["verdicts"][0]["cause"] == "vanishes"
    shutil.rmtree(folder / "runs" / "rnn-30-seed0")
    content = json.loads((folder / "study.json").read_text())
    del content["ended"]["rnn-30-seed0"]
    (folder / "study.json").write_text(json.dumps(content))
    monkeypatch.setattr("backsight.studies.make_engine", lambda *_: Refusing())
    cut = told(*LENGTH, folder, status=1)
    assert [trial["outcome"] for trial in cut["trials"]] == ["learned", "failed"]


def test_study_length_of_a_script(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backsight.studies.make_engine", lambda *_: Refusing())
    (tmp_path / "train.py").write_text("")
    words = ("--vary", "--n=5,9", "--seeds", "1", "--json", "--out", tmp_path / "study")
    cut = told("study", "length", "--script", tmp_path / "train.py", *words, status=1)
    assert len(cut["plan"]["digest"]) == 64


def test_study_map(told: Told, tmp_path: Path) -> None:
    """Whole, with a setting of the user's choice; the fixture's exploded losses are NaN."""
    folder = tmp_path / "map"
    shutil.copytree(FIXTURES / "stability-map", folder)
    found = told(*MAP, folder, "--at", "lr=0.02,length=5")
    assert found["chosen"]["setting"] == found["best"]["setting"]
    assert None in found["best_by_column"]


def test_study_map_that_is_cut_short(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "map"
    shutil.copytree(FIXTURES / "stability-map", folder)
    (folder / "part-0001.npz").unlink()
    monkeypatch.setattr("backsight.studies.make_engine", lambda *_: Refusing())
    found = told(*MAP, folder, "--engine", "local:1", status=1)
    assert [None] * 3 in found["outcomes"]
    assert "NaN" in found["loss"][1]


def test_study_remedies(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proven, with a trial that fails, one that is not finite, and a remedy that is refused."""

    def loss(remedy: str, seed: int) -> float | None:
        if remedy == "gru":
            return (None, math.nan, 1.0)[seed % 3]
        return orthogonal_helps(remedy, seed)

    monkeypatch.setattr("backsight.studies.make_engine", lambda *_: Pretended(loss))
    study = told(*REMEDIES, tmp_path / "study", status=1)
    assert study["verdict"]["outcome"] == "proven"
    gru = next(arm for arm in study["remedies"] if arm["name"] == "gru")
    assert [trial["outcome"] for trial in gru["trials"]][:2] == ["failed", "not finite"]
    assert "-Infinity" in gru["effect"]["by_seed"]
    assert told("diagnose", study["run"], "--json")["remedies"]["proven"]


def test_study_remedies_of_a_script(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text("")
    run = script_run(tmp_path / "run")
    info = json.loads((run.path / "run.json").read_text())
    info["command"] = "backsight run --run run train.py 7"
    (run.path / "run.json").write_text(json.dumps(info))
    monkeypatch.setattr("backsight.studies.make_engine", lambda *_: Pretended(lambda *_: 1.0))
    words = ("--seeds", "1", "--only", "clip,gru", "--json", "--out", tmp_path / "study")
    study = told("study", "remedies", run.path, *words)
    assert study["plan"]["script"]
    assert any(arm["refusal"] for arm in study["remedies"])
