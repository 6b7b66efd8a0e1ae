"""Every benchmark can be started, says how, and publishes with its machine and versions."""

import ast
import json
from importlib import import_module, metadata
from pathlib import Path

import pytest

import benchmarks
from benchmarks._shared import harness

ROOT = Path(benchmarks.__file__).parent
SCRIPTS = sorted(
    path.relative_to(ROOT.parent).with_suffix("") for path in ROOT.glob("[!_]*/[!_]*.py")
)
"""What ``make bench`` runs."""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_starts_and_its_folder_names_it(script: Path) -> None:
    name = ".".join(script.parts)
    module = import_module(name)
    assert callable(module.main)
    assert f"python -m {name}" in (module.__doc__ or "")
    source = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    assert ast.unparse(source.body[-1]) == "if __name__ == '__main__':\n    main()"
    assert f"* ``{script.name}``: " in (import_module(name.rpartition(".")[0]).__doc__ or "")


def test_published_rows_come_with_machine_and_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "results")
    rows = [{"what": "a step", "ms": 1.23456, "times": 3}]
    harness.publish("speed", "measured by hand", rows)
    kept = json.loads((tmp_path / "results" / "speed.json").read_text())
    assert (kept["benchmark"], kept["method"], kept["rows"]) == ("speed", "measured by hand", rows)
    said = capsys.readouterr().out
    for name in ("backsight", "torch", "numpy"):
        assert kept["machine"][name] == metadata.version(name)
        assert f"{name} {metadata.version(name)}" in said
    assert "1.23" in said
    assert "measured by hand" in said
