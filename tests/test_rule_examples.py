"""The scripts on each rule's page: the bad one gives the finding, and the good one does not.

Each runs in this process from its file, as ``backsight run --every 5`` would run it: seeded, on
one thread, and sampled by the number of the iteration, so that it gives the same run every time.
"""

import difflib
import runpy
from collections.abc import Collection
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from backsight.cli import main
from backsight.diagnosis import RULES, Diagnosis, Rule, diagnose, example_of
from backsight.monitor import LateRecorder, ProcessMonitor
from backsight.signals import Run

EXAMPLES = files("backsight.diagnosis.rules") / "examples"
TOLD_BEFORE = {"BKS102": "BKS439", "BKS303": "BKS423"}
"""The cause before its symptom: a recurrent matrix that was drawn too wide, before a gradient that
explodes; a learning rate of 0, before a plateau."""
EVERY_RULE = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
SLOW = {
    "BKS101", "BKS103", "BKS105", "BKS204", "BKS206", "BKS207", "BKS301", "BKS302", "BKS303",
    "BKS304", "BKS403", "BKS405", "BKS423", "BKS427", "BKS438", "BKS439",
}  # fmt: skip
"""Their examples train for long; ``test_rules.py`` has a short case of each rule."""
SLOW_GOOD = SLOW | {
    "BKS104", "BKS202", "BKS205", "BKS208", "BKS401", "BKS416", "BKS422", "BKS424", "BKS425",
    "BKS426", "BKS431", "BKS432", "BKS434", "BKS435", "BKS436",
}  # fmt: skip
"""Of these, the bad one alone is trained in every run of the suite."""


def quick_but(slow: Collection[str]) -> pytest.MarkDecorator:
    """Every rule; these at length only."""
    return pytest.mark.parametrize(
        "rule",
        [
            pytest.param(rule, marks=pytest.mark.long if rule.code in slow else (), id=rule.code)
            for rule in RULES
        ],
    )


def diagnosis_of(
    rule: type[Rule], kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Diagnosis:
    """What is found in a script's run; each of its two ways of being observed makes one folder."""
    # The loss is recorded in every iteration: for a rule that reads no more, samples only cost.
    every = 50 if rule.reads == ("loss",) else 5
    monkeypatch.chdir(folder)
    with as_file(EXAMPLES / f"{rule.code.lower()}_{kind}.py") as script:
        if "import backsight\n" in script.read_text():
            runpy.run_path(str(script), run_name="__main__")
        else:
            recorder = LateRecorder(Path("runs/example"), kind="run", config={})
            monitor = ProcessMonitor(recorder, every=every)
            try:
                runpy.run_path(str(script), run_name="__main__")
            finally:
                monitor.close()
                recorder.close()
    (path,) = Path("runs").iterdir()
    return diagnose(Run(path))


@EVERY_RULE
def test_a_rule_has_a_bad_and_a_good_example(rule: type[Rule]) -> None:
    """The good one is the bad one with a small change; both fit a terminal."""
    bad, good = example_of(rule.code, "bad"), example_of(rule.code, "good")
    for example in (bad, good):
        assert example.about.endswith(".")
        assert len(example.code.splitlines()) <= 30
        assert max(map(len, [example.about, *example.code.splitlines()])) <= 75
        assert "torch.manual_seed(0)" in example.code
    changed = difflib.ndiff(bad.code.splitlines(), good.code.splitlines())
    assert 1 <= sum(line[0] in "+-" for line in changed) <= 4


def test_every_example_is_of_a_rule() -> None:
    names = {file.name for file in EXAMPLES.iterdir() if file.name.endswith(".py")}
    assert names == {f"{r.code.lower()}_{kind}.py" for r in RULES for kind in ("bad", "good")}


@quick_but(SLOW)
def test_the_bad_example_gives_the_finding(
    rule: type[Rule],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """First of all that it gives, and no measurement fails on it."""
    found = diagnosis_of(rule, "bad", tmp_path, monkeypatch)
    assert "switched off" not in caplog.text
    codes = list(dict.fromkeys(finding.code for finding in found.lasting))
    if rule.code in TOLD_BEFORE:
        assert codes.pop(0) == TOLD_BEFORE[rule.code]
    assert codes[:1] == [rule.code]


@quick_but(SLOW_GOOD)
def test_the_good_example_is_healthy(
    rule: type[Rule], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for want of data, and nothing else lasts in it either."""
    found = diagnosis_of(rule, "good", tmp_path, monkeypatch)
    outcomes = {verdict.code: verdict.outcome for verdict in found.verdicts}
    assert outcomes[rule.code] == "healthy"
    # To learn one batch by heart is told of, and is what some examples do.
    assert [finding.message for finding in found.lasting if finding.code != "BKS434"] == []


@EVERY_RULE
def test_explain_shows_both(
    rule: type[Rule], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As they are, line by line, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["explain", rule.code]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 79
    for kind in ("bad", "good"):
        example = example_of(rule.code, kind)
        code = "".join(f"    {line}".rstrip() + "\n" for line in example.code.splitlines())
        assert f"\n{example.about}\n\n{code}\n" in out
