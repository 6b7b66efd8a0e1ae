"""One finding leads, what follows from it are its symptoms, and remedies do not contradict."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from backsight.diagnosis import RULES, Diagnosis, Finding, Verdict, diagnose
from backsight.diagnosis._ranking import advice_of, leads_of
from backsight.diagnosis._remedy import ConditionalRemedy
from backsight.report import print_diagnosis, write_report
from backsight.signals import Recorder, Run

BY_CODE = {rule.code: rule for rule in RULES}


def found(
    code: str,
    iteration: int,
    module: str = "",
    severity: Any = None,
    evidence: Mapping[str, float | str] | None = None,
) -> Finding:
    rule = BY_CODE[code]
    return Finding(
        code, rule.title, severity or rule.severity, module, iteration, f"{module or 'it'} is so",
        evidence or {}, {}, (),
    )  # fmt: skip


def told(*findings: Finding) -> list[tuple[str, list[str]]]:
    return [(lead.code, [s.code for s in lead.symptoms]) for lead in leads_of(findings, RULES)]


def advice(*findings: Finding) -> tuple[str, ...]:
    return advice_of(leads_of(findings, RULES), RULES)


def test_the_codes_of_every_rule_exist_and_none_leads_to_itself() -> None:
    for rule in RULES:
        assert set(rule.leads_to) <= BY_CODE.keys() - {rule.code}
        assert list(rule.leads_to) == sorted(rule.leads_to)


def test_a_note_explains_another_note_and_nothing_graver() -> None:
    """Another column's targets go with nothing that is read; nor do shuffled ones."""
    read = found("BKS437", 80, severity="info", evidence={"since": 0.0})
    untied, unrelated = found("BKS435", 20, severity="info"), found("BKS435", 20)
    assert told(untied, read) == [("BKS437", ["BKS435"])]
    assert told(unrelated, read) == [("BKS435", []), ("BKS437", [])]


def test_a_loss_that_falls_ever_faster_outweighs_the_saturation_that_it_brings() -> None:
    """It takes four samples to see it; of a cost that a policy may mean, nothing follows."""
    saturated, fall = found("BKS104", 110), {"level": -582.0, "since": 15.0}
    falls = found("BKS429", 128, severity="info", evidence=fall)
    assert told(saturated, falls) == [("BKS429", ["BKS104"])]
    later = found("BKS429", 128, severity="info", evidence=fall | {"since": 120.0})
    cost = found("BKS429", 20, severity="info", evidence={"terms": 1.0})
    for note in (later, cost):
        assert told(saturated, note) == [("BKS104", []), ("BKS429", [])]


def test_sums_in_half_precision_outweigh_a_collapse() -> None:
    """Weights that stand still in half precision are no reason for one."""
    collapse = found("BKS204", 316)
    sums = found("BKS438", 0, severity="info", evidence={"sums in half precision": 50.0})
    assert told(collapse, sums) == [("BKS438", ["BKS204"])]
    weights = found("BKS438", 0, severity="info", evidence={"share lost": 0.95})
    assert told(collapse, weights) == [("BKS204", []), ("BKS438", [])]


def test_what_lasts_comes_before_what_has_happened_among_notes_alone() -> None:
    spike, stuck = found("BKS202", 281, severity="info"), found("BKS105", 400, severity="info")
    assert told(spike, stuck) == [("BKS105", []), ("BKS202", [])]
    assert told(found("BKS202", 281), found("BKS105", 400, severity="warning"))[0][0] == "BKS202"


def test_a_cause_leads_though_its_symptom_is_graver() -> None:
    """No learning is an error, saturation a warning; what follows in turn is listed as well."""
    saturated, small, stuck = found("BKS104", 20), found("BKS405", 100), found("BKS302", 799)
    assert told(stuck, small, saturated) == [("BKS104", ["BKS302", "BKS405"])]


def test_what_begins_later_explains_nothing() -> None:
    """Saturation that comes long after a collapse follows from it, and not it from that.

    A rule that reads samples may be 50 iterations late, and a level of 20 losses, 20.
    """
    collapse = found("BKS204", 400, evidence={"since": 300})
    assert told(collapse, found("BKS104", 351)) == [("BKS204", ["BKS104"])]
    assert told(found("BKS404", 330), found("BKS203", 320, evidence={"since": 300})) == [
        ("BKS404", ["BKS203"])
    ]
    assert told(found("BKS404", 331), found("BKS203", 320, evidence={"since": 300})) == [
        ("BKS203", []), ("BKS404", [])
    ]  # fmt: skip


def test_a_spike_that_was_a_collapse_is_its_symptom() -> None:
    collapse = found("BKS204", 190, evidence={"since": 140})
    assert told(found("BKS202", 130), collapse) == [("BKS204", ["BKS202"])]
    early = found("BKS202", 100, severity="error")
    assert told(early, collapse) == [("BKS202", []), ("BKS204", [])]


def test_a_note_explains_nothing_graver_than_a_note() -> None:
    resting = found("BKS402", 20, "head.bias", "info")
    assert told(resting, found("BKS302", 799)) == [("BKS302", []), ("BKS402", [])]
    assert told(resting, found("BKS303", 700)) == [("BKS402", ["BKS303"])]


def test_findings_of_a_code_are_one_heading() -> None:
    gates = [found("BKS104", 20 + i, f"rnn.{gate}") for i, gate in enumerate("abc")]
    (lead,) = leads_of([*reversed(gates), found("BKS302", 799)], RULES)
    assert [f.module for f in lead.findings] == ["rnn.a", "rnn.b", "rnn.c"]
    assert [f.code for f in lead.symptoms] == ["BKS302"]
    assert lead.severity == "error"


def test_the_gravest_lead_comes_first_and_then_the_oldest() -> None:
    assert told(
        found("BKS105", 5), found("BKS403", 99), found("BKS103", 40), found("BKS401", 200)
    ) == [("BKS401", []), ("BKS103", []), ("BKS403", []), ("BKS105", [])]


def test_several_models_are_ranked_one_by_one(tmp_path: Path) -> None:
    """What is wrong with one explains nothing of the other."""
    with Recorder(tmp_path / "run") as recorder:
        for i in range(900):
            recorder.scalars(i, {"loss/A": 2.0, "loss/B": 2.0, "input_spread/A.rnn": 0.0})
    diagnosis = diagnose(tmp_path / "run")
    leads = [
        (x.code, x.findings[0].module, [s.module for s in x.symptoms]) for x in diagnosis.leads
    ]
    assert leads == [("BKS407", "A.rnn", ["A"]), ("BKS302", "B", [])]
    assert [f.code for f in diagnosis.findings] == ["BKS407", "BKS302", "BKS302"]
    assert [lead.code for lead in diagnosis.without({"BKS407"}).leads] == ["BKS302"] * 2


def test_what_is_over_comes_after_everything_that_lasts() -> None:
    lasts, over = found("BKS105", 50), found("BKS102", 10)
    over.resolved_at = 20
    verdicts = (
        Verdict("BKS102", "healthy", "", (over,)),
        Verdict("BKS105", "finding", "", (lasts,)),
    )
    assert Diagnosis(verdicts).findings == (lasts, over)


# -- what to try --------------------------------------------------------------------------------


def settings(lines: tuple[str, ...]) -> list[tuple[str, int]]:
    known = {
        str(one): one
        for rule in RULES
        for one in rule.remedies
        if isinstance(one, ConditionalRemedy)
    }
    return [item for line in lines if line in known for item in known[line].turns.items()]


def test_no_two_remedies_turn_a_setting_opposite_ways() -> None:
    """Of every pair of findings."""
    for one in RULES:
        for other in RULES:
            pair = found(one.code, 10), found(other.code, 900, evidence={"update ratio": 1e-6})
            turned = settings(advice(*pair))
            assert len({name for name, _ in turned}) == len(set(turned)), (one.code, other.code)


def test_what_a_finding_shows_rules_out_its_opposite() -> None:
    """Steps that are too small: a saturated layer is no reason to lower the learning rate."""
    assert ("lr", -1) in settings(advice(found("BKS104", 20)))
    assert ("lr", -1) not in settings(advice(found("BKS104", 20), found("BKS405", 100)))


@pytest.mark.parametrize(
    ("ratio", "way"), [(1e-5, 1), (9e-4, 1), (5e-3, None), (2e-2, -1), (None, None), ("NaN", None)]
)
def test_no_learning_turns_the_rate_by_the_size_of_the_steps(ratio: Any, way: int | None) -> None:
    evidence = {} if ratio is None else {"update ratio": ratio}
    turned = dict(settings(advice(found("BKS302", 799, evidence=evidence))))
    assert turned.get("lr") == way
    assert "window" not in turned
    assert "window" in dict(settings(advice(found("BKS302", 799, evidence={"horizon rnn": 3.0}))))


@pytest.mark.parametrize(
    ("first", "word"), [("the input", "clean the data"), ("the loss", "check the targets")]
)
def test_what_came_first_decides_what_to_try(first: str, word: str) -> None:
    lines = advice(found("BKS201", 7, evidence={"came first": first}))
    assert word in lines[0]
    assert not any(word in line for line in advice(found("BKS201", 7)))


def test_symptoms_and_notes_beside_them_give_no_advice() -> None:
    lines = advice(found("BKS408", 20), found("BKS302", 799), found("BKS105", 40))
    assert lines == BY_CODE["BKS408"].remedies
    assert advice(found("BKS105", 40)) == BY_CODE["BKS105"].remedies
    assert advice() == ()


def test_steps_that_were_measured_are_evidence_of_no_learning(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.series("loss", range(1000), [2.0] * 1000)
        recorder.series("update_ratio/w", range(0, 1000, 10), [1e-5] * 99 + [2e-5])
    (stuck,) = [f for f in diagnose(tmp_path / "run").lasting if f.code == "BKS302"]
    assert stuck.evidence["update ratio"] == 2e-5


# -- as it is shown -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saturated(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("ranking") / "run"
    with Recorder(path) as recorder:
        recorder.series("loss", range(900), [2.0] * 900)
        for gate in ("reset", "update", "new"):
            recorder.series(f"saturation/rnn.{gate}", range(0, 900, 10), [1.0] * 90)
    return Run(path)


def test_the_terminal_shows_one_heading_and_its_symptoms(saturated: Run) -> None:
    out = io.StringIO()
    print_diagnosis(saturated, diagnose(saturated), None, console=Console(file=out, width=200))
    text = out.getvalue()
    assert text.count("BKS104 saturation") == 1
    assert text.count("100 % of the values") == 3
    assert "From it follows:\n        error   BKS302 no learning: After 900" in text
    assert "Try, in order:\n  1. normalise the input" in text


def test_the_page_shows_one_heading_and_its_symptoms(saturated: Run) -> None:
    page = write_report(saturated.path).read_text()
    assert page.count('<h3><span class="badge">warning</span> BKS104') == 1
    assert "BKS302 no learning: After 900" in page
    assert page.count("Try, in order:") == 1


def test_whatever_is_no_mistake_of_the_script_may_follow_from_one() -> None:
    """However late it was seen, and however grave the other is; from a note, nothing does."""
    assert told(found("BKS105", 5), found("BKS302", 99), found("BKS410", 200)) == [
        ("BKS410", ["BKS302", "BKS105"])
    ]
    assert told(found("BKS410", 200), found("BKS409", 300)) == [("BKS409", []), ("BKS410", [])]
    assert told(found("BKS302", 5), found("BKS410", 99, severity="info"))[0] == ("BKS302", [])
    carried, wasted = found("BKS418", 5, severity="info"), found("BKS105", 9, severity="info")
    assert told(carried, wasted) == [("BKS418", []), ("BKS105", [])], "not even a note"


def test_what_changes_the_size_of_all_steps_stops_no_parameter_alone() -> None:
    """A parameter without a gradient is another matter than a clip, a schedule, a leftover, or
    padding that counts."""
    still = found("BKS402", 40, "head.bias", severity="info")
    for code in ("BKS410", "BKS420", "BKS421", "BKS423", "BKS424"):
        assert told(still, found(code, 2)) == [(code, []), ("BKS402", [])]
    assert told(still, found("BKS414", 2)) == [("BKS414", ["BKS402"])]
