"""The verdict reached while a run trained: when it is used, that it is the same, and who may write
one."""

import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import nn

import backsight
from backsight.cli import main
from backsight.diagnosis import (
    RULES,
    Diagnosis,
    Facts,
    Rule,
    _recorded,
    _rules_version,
    diagnose,
    recorded,
    timeline,
)
from backsight.diagnosis._recorded import recorded_verdicts
from backsight.diagnosis._rules_version import rules_version
from backsight.diagnosis.rules._spike import LossSpike
from backsight.monitor.sinks import Gate, JudgingSink
from backsight.report import print_diagnosis, write_report
from backsight.report._findings import cards
from backsight.signals import Event, Recorder, Run, dumps

NAN, INF = math.nan, math.inf


def silent(_: Any) -> None:
    """Tell nobody of a finding."""


def record(
    path: Path,
    loss: Callable[[int], float],
    size: int = 150,
    *,
    after: Callable[[JudgingSink], None] = lambda sink: None,
    ends: bool = True,
    facts: dict[str, Any] | None = None,
) -> Run:
    """A run as the monitor records it, judged every ten iterations."""
    with Recorder(path, config={"facts": facts or {}}) as recorder:
        sink = JudgingSink(recorder, silent)
        sink.know(backsight.diagnosis.facts_from(facts or {}))
        for i in range(size):
            sink.scalars(i, {"loss": loss(i), "lr": 0.1})
            if i % 10 == 0:
                sink.profile("reach/rnn.l0", i, [0.5**k for k in range(30)])
                sink.judge(i)
        sink.judge(size)
        after(sink)
        if ends:
            sink.end(size - 1)
    return Run(path)


def falls(i: int) -> float:
    return 2.0 * 0.98**i


def breaks(i: int) -> float:
    return falls(i) if i < 100 else NAN


def overflows(i: int) -> float:
    return 1.0 + i % 3 if i != 120 else 1e308


def same(one: Diagnosis, other: Diagnosis) -> bool:
    """To the last number and word."""
    left, right = (dumps(d.as_dict() | {"judged": ""}) for d in (one, other))
    return one == other and left == right


def errors(found: Diagnosis) -> list[int]:
    """Where each lasting error begins."""
    return [finding.iteration for finding in found.lasting if finding.severity == "error"]


# -- recorded and judged again are the same -------------------------------------------------------


@pytest.mark.some(2)
@pytest.mark.parametrize("loss", [falls, breaks, overflows])
@pytest.mark.parametrize("facts", [{}, {"lag": 25, "baseline": 1.9}])
def test_the_recorded_verdict_is_that_of_the_rules(
    run_path: Path, loss: Callable[[int], float], facts: dict[str, Any]
) -> None:
    run = record(run_path, loss, facts=facts)
    kept, again = diagnose(run), diagnose(run, rejudge=True)
    assert (kept.judged, again.judged) == ("while training", "now")
    assert same(kept, again)
    outcomes = {verdict.outcome for verdict in kept.verdicts}
    assert "not enough data" in outcomes
    assert {f.code for f in kept.findings} >= ({"BKS201"} if loss is breaks else set())
    reasons = {v.code: v.reason for v in kept.verdicts}
    assert reasons["BKS404"].startswith("it needs 5 samples of update_ratio of a weight matrix;")


def test_a_watched_training(run_path: Path) -> None:
    torch.manual_seed(0)
    rnn = nn.RNN(3, 4)
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
    with backsight.watch(rnn, optimizer, run_path, every=4, lag=5):
        for i in range(60):
            optimizer.zero_grad()
            x = torch.randn(12, 2, 3) * (NAN if i == 40 else 1.0)
            rnn(x)[0][-1].square().mean().backward()
            optimizer.step()
    run = Run(run_path)
    kept = diagnose(run)
    assert kept.judged == "while training"
    assert "BKS406" in {finding.code for finding in kept.findings}
    assert same(kept, diagnose(run, rejudge=True))


def test_a_note_beside_a_rule_that_cannot_judge_yet_is_kept(run_path: Path) -> None:
    kept = diagnose(record(run_path, lambda i: 2.0 + i % 2 / 100, 450))
    assert kept.judged == "while training"
    assert "BKS302" in {f.code for f in kept.lasting if f.severity == "info"}
    assert same(kept, diagnose(run_path, rejudge=True))


def test_several_models_have_a_verdict_each(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        for label, loss in (("A", falls), ("B", breaks)):
            sink = JudgingSink(recorder, silent)
            gate = Gate(sink, label)
            for i in range(120):
                gate.scalars(i, {"loss": loss(i), "hidden_norm_mean/rnn.l0": 1.0})
            sink.settle(120)
            sink.end(119)
    run = Run(run_path)
    kept = diagnose(run)
    assert kept.judged == "while training"
    assert [(f.code, f.message[-15:]) for f in kept.lasting][:1] == [("BKS201", "t iteration 100")]
    assert same(kept, diagnose(run, rejudge=True))


def test_a_run_that_goes_on_has_a_verdict_on_the_whole(run_path: Path) -> None:
    run = record(run_path, falls, 100)
    (event,) = run.events("diagnosis")
    recorder = Recorder.resume(run_path, before=80, events=1, config={})
    assert event.iteration == 99
    sink = JudgingSink(recorder, silent)
    sink.recall(run)
    for i in range(80, 140):
        sink.scalars(i, {"loss": breaks(i), "lr": 0.1})
    sink.settle(140)
    sink.end(139)
    recorder.close()
    kept = diagnose(run_path)
    assert kept.judged == "while training"
    assert errors(kept) == [100]
    assert same(kept, diagnose(run_path, rejudge=True))


# -- when it does not count ------------------------------------------------------------------------


def test_not_without_its_end(run_path: Path) -> None:
    """As after kill -9: findings were recorded on the way, and no verdict."""
    run = record(run_path, breaks, ends=False)
    assert run.events("finding")
    assert diagnose(run).judged == "now"


def test_not_where_a_value_came_too_late(run_path: Path) -> None:
    run = record(run_path, falls, after=lambda sink: sink.scalars(20, {"hidden_norm_max/l": NAN}))
    assert "rules" not in run.events("diagnosis")[0].body
    kept = diagnose(run)
    assert kept.judged == "now"
    assert errors(kept) == [20]


def test_not_where_more_was_recorded(run_path: Path) -> None:
    record(run_path, falls, 100)
    recorder = Recorder.resume(run_path, before=100, events=1, config={})
    recorder.scalars(100, {"loss": NAN})
    recorder.close()
    kept = diagnose(run_path)
    assert kept.judged == "now"
    assert errors(kept) == [100]


def test_not_where_the_recorder_dropped_a_value(run_path: Path) -> None:
    def again(sink: JudgingSink) -> None:
        sink._settled = 0  # the judge would have taken the second one
        sink.scalars(149, {"loss": NAN})
        sink.settle(150)

    run = record(run_path, falls, after=again)
    assert diagnose(run).judged == "now"
    assert not errors(diagnose(run))


def test_not_by_other_rules(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = record(run_path, falls)

    def stricter() -> list[Rule]:
        return [LossSpike(sigmas=9.0) if rule is LossSpike else rule() for rule in RULES]

    assert diagnose(run).judged == "while training"
    assert diagnose(run, stricter).judged == "now"
    monkeypatch.setattr(_rules_version, "_code", lambda: b"another")
    assert diagnose(run).judged == "now"
    monkeypatch.setattr(_rules_version, "_code", lambda: b"")  # no sources: nobody knows
    assert diagnose(run).judged == "now"


def test_not_on_other_facts(run_path: Path) -> None:
    run = record(run_path, falls)
    about = json.loads((run_path / "run.json").read_text())
    about["config"]["facts"] = {"lag": 25}
    (run_path / "run.json").write_text(json.dumps(about))
    assert diagnose(run).judged == "while training"
    assert diagnose(run_path).judged == "now"


def test_not_where_a_rule_failed(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("of mine")

    with monkeypatch.context() as patch:
        patch.setattr(LossSpike, "_update", fail)
        run = record(run_path, falls)
    assert "rules" not in run.events("diagnosis")[0].body
    assert diagnose(run).judged == "now"


# -- the version of the rules ----------------------------------------------------------------------


def test_the_version_is_that_of_code_and_thresholds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = [rule() for rule in RULES]
    version = rules_version(rules)
    assert len(version) == 16
    assert rules_version([rule() for rule in RULES]) == version
    assert rules_version(rules[:-1]) != version
    assert rules_version([LossSpike(sigmas=9.0)]) != rules_version([LossSpike()])
    (tmp_path / "rules").mkdir()
    source = tmp_path / "rules" / "_one.py"
    monkeypatch.setattr(_rules_version, "files", lambda room: tmp_path)
    versions = []
    for text in ("limit = 1\n", "limit = 1\r\n", "limit = 2\n"):
        source.write_bytes(text.encode())
        _rules_version._code.cache_clear()
        versions.append(rules_version(rules))
    _rules_version._code.cache_clear()
    assert versions[0] == versions[1]
    assert versions[0] != versions[2]


def test_the_version_is_read_before_the_training(
    run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever installs another Backsight in the meantime has not judged by its rules."""
    with monkeypatch.context() as patch:
        run = record(run_path, falls, after=lambda sink: patch.setattr(
            _rules_version, "_code", lambda: b"another"
        ))  # fmt: skip
        assert diagnose(run).judged == "now"
    assert diagnose(run).judged == "while training"


# -- what anybody may have written -----------------------------------------------------------------


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The body of a recorded verdict with a finding that lasts, and one that is over."""
    run = record(tmp_path_factory.mktemp("sound") / "run", lambda i: 9.0 if i == 90 else breaks(i))
    (event,) = run.events("diagnosis")
    body: dict[str, Any] = event.body
    assert {finding["code"] for finding in body["findings"]} >= {"BKS201", "BKS202"}
    return body


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where there is anything in an object of JSON; of a list the first entry."""
    if path:
        yield path
    if isinstance(content, dict):
        for name in content:
            yield from places(content[name], (*path, name))
    elif isinstance(content, list) and content:
        yield from places(content[0], (*path, 0))


def changed(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    body = json.loads(json.dumps(content))
    inside = body
    for name in path[:-1]:
        inside = inside[name]
    inside[path[-1]] = value
    return body


def test_a_made_up_verdict_never_crashes(
    sound: dict[str, Any], monkeypatch: pytest.MonkeyPatch, small_run: Run
) -> None:
    wrong: list[Any] = [None, -1, 1 << 70, 0.5, "", "NaN", "BKS999", True, [], {}, [[]]]
    wrong.append({"since": "soon"})
    bodies = [changed(sound, path, value) for path in places(sound) for value in wrong]
    bodies += [*wrong, sound | {"findings": sound["findings"] * 2}, sound | {"verdicts": []}]
    console = Console(file=io.StringIO())
    used = 0
    for body in bodies:
        monkeypatch.setattr(Run, "events", lambda self, kind, one=body: [Event(9, 0.0, kind, one)])
        known = recorded_verdicts(small_run, sound["rules"], Facts(**sound["facts"]))
        monkeypatch.undo()
        for found in known._kept.values():
            used += 1
            print_diagnosis(small_run, found, timeline(small_run, found), console=console)
            cards(found, frozenset())
            dumps(found.as_dict())
    assert 0 < used < len(bodies) / 2


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("findings", 0, "resolved_at"), 1 << 62),
        (("findings", 0, "message"), "\x1b[31m" + "x" * 60_000),
        (("findings", 0, "outcome"), {"\x07": INF}),
        (("findings", 0, "signals"), ["no/such signal", ""]),
    ],
)
def test_a_page_shows_a_verdict_that_is_odd(
    sound: dict[str, Any], tmp_path: Path, path: tuple[Any, ...], value: Any
) -> None:
    run = record(
        tmp_path / "run", lambda i: 9.0 if i == 90 else breaks(i), ends=False,
        after=lambda sink: sink.event("diagnosis", 149, changed(sound, path, value)),
    )  # fmt: skip
    page = write_report(run).read_text(encoding="utf-8")
    assert "\x1b" not in page


def test_the_outcome_has_to_be_that_of_the_findings(
    sound: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _recorded._diagnosis(sound) is not None
    number = [verdict["code"] for verdict in sound["verdicts"]].index("BKS201")
    healthy = changed(sound, ("verdicts", number, "outcome"), "healthy")
    assert _recorded._diagnosis(healthy) is None


# -- the commands ----------------------------------------------------------------------------------


def test_the_command_says_when_it_was_judged(
    run_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(run_path, breaks)
    told = []
    for more in ([], ["--rejudge"]):
        assert main(["diagnose", str(run_path), "--json", *more]) == 1
        told.append(json.loads(capsys.readouterr().out))
    assert [one.pop("judged") for one in told] == ["while training", "now"]
    assert told[0] == told[1]


def test_a_report_can_be_judged_anew(
    run_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record(run_path, breaks)
    asked = []

    def asks(run: Run, **options: Any) -> Diagnosis:
        asked.append(options)
        return diagnose(run, **options)

    monkeypatch.setattr("backsight.report._page.diagnose", asks)
    assert main(["report", str(run_path)]) == 0
    assert main(["report", str(run_path), "--rejudge"]) == 0
    assert asked == [{"rejudge": False}, {"rejudge": True}]
    capsys.readouterr()


def test_a_recorded_verdict_reads_no_signal(
    run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record(run_path, falls)

    def reads(*_: Any) -> Any:
        raise AssertionError("it reads the signals")

    monkeypatch.setattr(Run, "stretches", reads)
    assert diagnose(run).judged == "while training"
    assert Facts() == backsight.diagnosis.facts_of(run)
    with pytest.raises(AssertionError):
        list(recorded(run, ["loss"], frozenset({"loss"})))
