"""A verdict is the same live and afterwards; commands, page and timeline say it as it is."""

import io
import itertools
import json
import math
import random
import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence
from torch.optim import SGD, Adam

from backsight import watch
from backsight.cli import main
from backsight.diagnosis import (
    RULES,
    Facts,
    Judge,
    Rule,
    Sample,
    context_ladder,
    context_probe,
    diagnose,
    explain,
    facts_from,
    timeline,
    usable_context,
)
from backsight.diagnosis.rules._spike import LossSpike
from backsight.diagnosis.rules.wiring import WIRING
from backsight.errors import RunError, SettingError
from backsight.monitor import LateRecorder, Monitor, ProcessMonitor
from backsight.probes import InputRange
from backsight.report import print_diagnosis, write_report
from backsight.signals import Recorder, Run, _reading, _run

NAN, INF = math.nan, math.inf
CODES = [rule.code for rule in RULES]


class Net(nn.Module):
    """A recurrent layer and a head."""

    def __init__(self, kind: Callable[..., nn.RNNBase] = nn.RNN, **options: Any) -> None:
        super().__init__()
        self.rnn = kind(3, 4, batch_first=True, **options)
        self.head = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.rnn(x)[0])


def train(
    model: nn.Module,
    monitor: Any,
    optimizer: torch.optim.Optimizer,
    steps: int,
    loss_of: Callable[[int], Tensor] | None = None,
    collects: float = 0.0,
) -> None:
    """A plain loop; what it is fed does not depend on whether it is watched."""
    generator = torch.Generator().manual_seed(5)
    dice = random.Random(9)
    for i in range(steps):
        x = torch.randn(4, 12, 3, generator=generator)
        loss = model(x).square().mean() if loss_of is None else loss_of(i)
        optimizer.zero_grad()
        loss.backward()
        if dice.random() < collects:
            monitor.collect()
        optimizer.step()
        if dice.random() < collects:
            monitor.collect()


def said_live(run: Run) -> tuple[list[tuple[str, str, int]], list[Any]]:
    """Code, where and iteration of each ``finding`` event; the findings of each ``diagnosis``."""
    told = [(e.body["code"], e.body["module"], e.body["iteration"]) for e in run.events("finding")]
    return sorted(told), [f for e in run.events("diagnosis") for f in e.body["findings"]]


def said_afterwards(run: Run) -> list[Any]:
    again = diagnose(run, rejudge=True)
    found = [f.as_dict() for f in again.findings]
    from backsight.signals import dumps

    if run.status == "finished":
        assert diagnose(run) == again
    back: list[Any] = json.loads(dumps(found))
    return back


def check_agreement(path: Path, *, some: bool | None = True) -> list[Any]:
    """Live and afterwards the same was said, to the last number and word."""
    run = Run(path)
    told, live = said_live(run)
    after = said_afterwards(run)

    def key(finding: Any) -> Any:
        return finding["code"], finding["module"], finding["iteration"]

    def plain(finding: Any) -> Any:
        return finding | {"signals": sorted(finding["signals"])}  # their order says nothing

    assert sorted(map(plain, live), key=key) == sorted(map(plain, after), key=key)
    assert told == sorted(map(key, after))
    assert some is None or bool(after) == some
    return after


# -- live as afterwards -------------------------------------------------------------------------


def still(module: nn.Module) -> dict[str, Any]:
    """A group of parameters that no step moves, though they are to be trained."""
    return {"params": module.parameters(), "lr": 1e-30}  # of a rate of 0, it may be thawed yet


def frozen(path: Path, every: Any, collects: float = 0.0) -> None:
    torch.manual_seed(0)
    model = Net(nn.GRU)
    optimizer = SGD([{"params": model.rnn.parameters()}, still(model.head)], lr=0.5)
    with watch(model, optimizer, path, every=every) as monitor:
        train(model, monitor, optimizer, 40, collects=collects)


def exploding(path: Path, every: Any, collects: float = 0.0) -> None:
    """ReLU with a gain of 1.6: 12 steps back the gradient is hundreds of times larger."""
    torch.manual_seed(0)
    model = Net(nn.RNN, nonlinearity="relu")
    with torch.no_grad():
        model.get_parameter("rnn.weight_hh_l0").copy_(2.2 * torch.eye(4))
    optimizer = SGD(model.parameters(), lr=1e-9)
    with watch(model, optimizer, path, every=every) as monitor:
        train(model, monitor, optimizer, 40, collects=collects)


def blown_up(path: Path, every: Any, collects: float = 0.0) -> None:
    """The step that is too large makes it NaN."""
    torch.manual_seed(0)
    model = Net(nn.RNN, nonlinearity="relu")
    optimizer = SGD(model.parameters(), lr=1e5)
    with watch(model, optimizer, path, every=every) as monitor:
        train(model, monitor, optimizer, 60, collects=collects)


def clipped(path: Path, every: Any, collects: float = 0.0) -> None:
    torch.manual_seed(0)
    model = Net(nn.LSTM)
    optimizer = Adam(model.parameters(), lr=0.3)
    with watch(model, optimizer, path, every=every) as monitor:
        generator = torch.Generator().manual_seed(5)
        for i in range(115):
            x = torch.randn(4, 12, 3, generator=generator)
            loss = (model(x) - 5).square().mean() * (100 if i == 112 else 1)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
            optimizer.step()
            if collects and i % 7 == 0:
                monitor.collect()


def bad_gradient(path: Path, every: Any, collects: float = 0.0) -> None:
    """A finite loss whose gradient is NaN in every parameter: sqrt at zero."""
    torch.manual_seed(0)
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.0)

    def loss(i: int) -> Tensor:
        out: Tensor = model(torch.ones(2, 5, 3) * torch.randn(2, 5, 1)).square().mean()
        return out + ((out * 0).sqrt() if i == 6 else 0)

    with watch(model, optimizer, path, every=every) as monitor:
        train(model, monitor, optimizer, 12, loss, collects)


SHORT = {
    (frozen, 0.0, 1),
    (frozen, 0.4, "auto"),
    (exploding, 0.4, 3),
    (exploding, 0.0, "auto"),
    (blown_up, 0.0, 3),
    (clipped, 0.4, 1),
    (bad_gradient, 0.4, 3),
}
"""Each of them where it must be found, and each way of sampling."""


@pytest.mark.some(1)
@pytest.mark.parametrize(
    ("make", "collects", "every"),
    [
        pytest.param(*one, marks=() if one in SHORT else pytest.mark.long)
        for one in itertools.product(
            [frozen, exploding, blown_up, clipped, bad_gradient], [0.0, 0.4], [1, 3, "auto"]
        )
    ],
)
def test_live_as_afterwards(
    make: Callable[..., None], collects: float, every: Any, run_path: Path
) -> None:
    make(run_path, every, collects)
    found = check_agreement(run_path, some=None if every == "auto" else True)
    codes = {finding["code"] for finding in found}
    if every != "auto":
        assert {frozen: "BKS402", exploding: "BKS102", blown_up: "BKS201", clipped: "BKS403",
                bad_gradient: "BKS201"}[make] in codes  # fmt: skip


def test_live_as_afterwards_of_a_run_that_fails(run_path: Path) -> None:
    torch.manual_seed(0)
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)

    def loss(i: int) -> Tensor:
        if i == 25:
            raise ValueError("at last")
        out: Tensor = model(torch.full((2, 6, 3), NAN if i > 20 else 0.5)).square().mean()
        return out

    with (
        pytest.raises(ValueError, match="at last"),
        watch(model, optimizer, run_path, every=1) as monitor,
    ):
        train(model, monitor, optimizer, 40, loss)
    assert Run(run_path).status == "failed"
    assert {f["code"] for f in check_agreement(run_path)} >= {"BKS201", "BKS406", "BKS407"}


def test_live_as_afterwards_of_several_models(tmp_path: Path) -> None:
    recorder = LateRecorder(tmp_path / "run", kind="run", config={})
    process = ProcessMonitor(recorder, every=1)
    try:
        torch.manual_seed(0)

        class Judging(Net):
            pass

        model, judge = Net(), Judging(nn.GRU)
        first = SGD(model.parameters(), lr=0.1)
        second = SGD([{"params": judge.rnn.parameters()}, still(judge.head)], lr=0.1)
        for i in range(30):
            x = torch.randn(2, 6, 3)
            first.zero_grad()
            (model(x).square().mean() * (NAN if i == 20 else 1)).backward()
            first.step()
            for _ in range(2):
                second.zero_grad()
                judge(x).square().mean().backward()
                second.step()
    finally:
        process.close()
        recorder.close()
    found = check_agreement(tmp_path / "run")
    assert {(f["code"], f["module"]) for f in found} >= {
        ("BKS201", ""), ("BKS402", "Judging.head.weight"), ("BKS402", "Judging.head.bias")
    }  # fmt: skip
    assert {v.code for v in diagnose(tmp_path / "run").verdicts} == set(CODES)


def ladder(length: int) -> float:
    return {1: 3.0, 2: 2.0}.get(length, 1.0)


def test_live_as_afterwards_with_context_asked_at_the_very_end(run_path: Path) -> None:
    """Of a loop that tells its iterations: the last validation comes after the last of them."""
    torch.manual_seed(0)
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with Recorder(run_path, config={"facts": {"lag": 50}}) as recorder:
        monitor = Monitor(model, optimizer, recorder, every=1, facts=Facts(lag=50))
        for iteration in range(5):
            loss = model(torch.randn(2, 6, 3)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            monitor.backward_ended(loss)
            optimizer.step()
            monitor.iteration_ended()
            if iteration >= 2:  # three times in a row, the last after the last iteration
                monitor.context(ladder, 64)
        monitor.close()
    assert "BKS301" in {f["code"] for f in check_agreement(run_path)}
    assert Run(run_path)["usable_context"].tolist() == [4, 4, 4]


def test_live_as_afterwards_with_context_in_a_watched_loop(run_path: Path) -> None:
    torch.manual_seed(0)
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1, lag=50) as monitor:
        for _ in range(5):
            train(model, monitor, optimizer, 5)
            monitor.context(ladder, 64)
    (finding,) = [f for f in check_agreement(run_path) if f["code"] == "BKS301"]
    assert finding["count"] == 3
    assert Run(run_path)["usable_context"].tolist() == [4] * 5


@pytest.mark.some(2)
@pytest.mark.parametrize("number", [int, np.int64, np.int32])
def test_what_watch_is_told_counts_live_as_afterwards(
    number: Callable[[int], Any], run_path: Path
) -> None:
    """A lag that came out of NumPy is one."""
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1, lag=number(50), baseline=1.5) as monitor:
        for _ in range(3):
            train(model, monitor, optimizer, 3)
            monitor.context(ladder, 64)
    assert "BKS301" in {f["code"] for f in check_agreement(run_path)}


@pytest.mark.parametrize(
    ("known", "facts"),
    [
        ({"lag": 5, "baseline": 1}, Facts(lag=5, baseline=1.0)),
        ({"lag": 0, "baseline": NAN}, Facts()),
        ({"lag": -3, "baseline": "NaN"}, Facts()),
        ({"lag": True, "baseline": [1]}, Facts()),
        ({"lag": INF}, Facts()),
        ({"baselines": {"memoryless": 2.0, "unigram": 3.0}}, Facts(baseline=2.0)),
        ({"baselines": [1, 2]}, Facts()),
        (None, Facts()),
        ("lag", Facts()),
    ],
)
def test_facts_that_make_no_sense_are_left_out(known: Any, facts: Facts) -> None:
    assert facts_from(known) == facts


# -- told once; a rule that fails; nothing changes ----------------------------------------------


def test_a_finding_is_told_once_and_cost_never(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    model = Net()
    with torch.no_grad():
        model.get_parameter("rnn.weight_hh_l0").mul_(0.01)  # reaches next to nothing: BKS105
    optimizer = SGD([{"params": model.head.parameters()}, still(model.rnn)], lr=0.1)
    with watch(model, optimizer, run_path, every=1) as monitor:
        train(model, monitor, optimizer, 20, collects=0.5)
    codes = {f.code: f.count for f in diagnose(run_path).findings}
    assert codes.keys() == {"BKS105", "BKS402"}
    lines = [r.getMessage() for r in caplog.records if "BKS" in r.getMessage()]
    told = [line for line in lines if line.startswith("backsight: BKS402")]
    assert len(told) == 4  # two matrices and two biases
    assert not any("BKS105" in line for line in lines)


@pytest.fixture
def failing_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: LossSpike, now: Any) -> None:
        raise RuntimeError("of mine")

    monkeypatch.setattr(LossSpike, "_update", fail)


@pytest.mark.usefixtures("failing_rule")
def test_a_rule_that_raises_is_switched_off_with_one_warning(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1) as monitor:
        train(model, monitor, optimizer, 20, collects=1.0)
    assert len(Run(run_path)["loss"]) == 20
    assert len([r for r in caplog.records if "of mine" in r.getMessage()]) == 1


@pytest.mark.usefixtures("failing_rule")
def test_the_other_rules_go_on(run_path: Path) -> None:
    frozen_path = run_path
    frozen(frozen_path, 1, 1.0)
    assert "BKS402" in {e.body["code"] for e in Run(frozen_path).events("finding")}
    assert Run(frozen_path).events("diagnosis")


@pytest.mark.usefixtures("failing_rule")
def test_a_rule_that_raises_keeps_no_memory(run_path: Path) -> None:
    """What is no longer judged is no longer kept."""
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1) as monitor:
        train(model, monitor, optimizer, 30, collects=1.0)
        assert monitor._judging._waiting.span(30) < 5


@pytest.mark.usefixtures("failing_rule")
def test_afterwards_a_rule_that_raises_does_not_hide_the_others(run_path: Path) -> None:
    frozen(run_path, 1, 1.0)
    assert "BKS402" in {f.code for f in diagnose(run_path).findings}


@pytest.mark.parametrize("make", [None, "watched"])
def test_judging_changes_nothing_of_the_training(make: str | None, tmp_path: Path) -> None:
    def trained(watched: bool) -> list[Any]:
        torch.manual_seed(3)
        model = Net(nn.LSTM, num_layers=2, dropout=0.4)
        optimizer = Adam(model.parameters(), lr=0.3)
        if watched:
            with watch(model, optimizer, tmp_path / "run", every=1) as monitor:
                train(model, monitor, optimizer, 60, collects=0.3)
                monitor.context(ladder, 8)
        else:
            train(model, Nobody(), optimizer, 60, collects=0.3)
        state = optimizer.state_dict()["state"]
        return [
            *model.parameters(), *(v for s in state.values() for v in s.values()),
            torch.get_rng_state(),
        ]  # fmt: skip

    plain, again = trained(False), trained(make is not None)
    assert all(torch.equal(a, b) for a, b in zip(plain, again, strict=True))


class Nobody:
    def collect(self) -> None:
        pass


# -- diagnose on the command line ---------------------------------------------------------------


def write(path: Path, series: Mapping[str, Any], **settings: Any) -> Run:
    """A finished run: lists are scalars an iteration, lists of lists rows every tenth."""
    with Recorder(path, **settings) as recorder:
        for name, values in series.items():
            for i, value in enumerate(values):
                if np.ndim(value):
                    recorder.profile(name, 10 * i, np.asarray(value, float))
                else:
                    recorder.scalars(i, {name: float(value)})
    return Run(path)


def steady(count: int, level: float = 1.0, size: float = 0.01) -> list[float]:
    return [float(x) for x in level * (1 + np.random.default_rng(2).normal(0, size, count))]


def learning(count: int) -> list[float]:
    return [1 + 3 * math.exp(-i / 50) + x for i, x in enumerate(steady(count, 0.0, 1))]


def healthy(count: int = 300) -> dict[str, Any]:
    fall = 1 + 3 * np.exp(-np.arange(count) / 60)
    return {"loss": (fall * np.array(steady(count))).tolist(), "grad_norm": steady(count, 0.5)}


SICK = {"loss": [*steady(100, 2.0), *[NAN] * 20]}
WARNED = {"loss": [*steady(100, 2.0), 50.0, *steady(50, 2.0)]}


@pytest.mark.some(4)
@pytest.mark.parametrize(
    ("series", "words", "status"),
    [
        (SICK, [], 1), (WARNED, [], 0), (healthy(), [], 0),
        (WARNED, ["--fail-on", "BKS202"], 1), (WARNED, ["--fail-on", "bks202", "BKS101"], 1),
        (SICK, ["--fail-on", "BKS202"], 0), (healthy(), ["--fail-on", *CODES], 0),
        (SICK, ["--json"], 1), (WARNED, ["--json", "--fail-on", "BKS202"], 1),
    ],
)  # fmt: skip
def test_the_status_says_whether_it_is_sick(
    series: Mapping[str, Any], words: list[str], status: int, run_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write(run_path, series)
    assert main(["diagnose", str(run_path), *words]) == status
    out, err = capsys.readouterr()
    assert err == ""
    if "--json" in words:
        json.loads(out)
    else:
        code = (
            "BKS201" if series is SICK else "BKS202" if series is WARNED else "no lasting finding"
        )
        assert code in out


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{run}", "--fail-on", "BKS999"], "BKS999"),
        (["{run}", "--fail-on", "BKS201", "nonsense"], "NONSENSE"),
        (["{missing}"], "missing"),
        (["{foreign}"], "foreign"),
        (["{half}"], "half"),
        (["{torn}"], "torn"),
        (["{file}"], "file"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_and_status_2(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "run", SICK)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").write_text("mine")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "run.json").write_text((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "run.json").write_text('{"format": 1, "stat')
    (tmp_path / "file").write_text("no folder")
    places = {n: tmp_path / n for n in ("run", "missing", "foreign", "half", "torn", "file")}
    for json_too in ([], ["--json"]):
        filled = [w.format(**places) for w in words]
        assert main(["diagnose", *filled, *json_too]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        assert said in err


def test_a_damaged_store_is_an_error_and_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "run", healthy(3000))
    store = tmp_path / "run" / "signals.db"
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("VACUUM")  # or the damage may meet pages that hold nothing any more
    content = bytearray(store.read_bytes())
    for at in range(len(content) // 2, len(content) // 2 + 4000):
        content[at] ^= 0x5A
    store.write_bytes(content)
    assert main(["diagnose", str(tmp_path / "run")]) == 2
    assert "run" in capsys.readouterr().err
    with pytest.raises(RunError):
        diagnose(tmp_path / "run")


def test_a_run_of_no_iterations(run_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(run_path, {})
    assert main(["diagnose", str(run_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["iterations"], told["has_errors"], told["findings"]) == (0, False, [])
    assert [v["outcome"] for v in told["verdicts"]] == ["not enough data"] * len(CODES)
    assert told["timeline"] is None
    assert main(["diagnose", str(run_path)]) == 0
    assert write_report(run_path).is_file()


def test_json_spells_what_is_not_finite_and_is_never_null(
    run_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grows = [[1.0, 500.0, NAN, INF]] * 5
    write(run_path, SICK | {"reach/<b>": grows, "grad_norm": [0.5] * 100 + [INF] * 20})
    assert main(["diagnose", str(run_path), "--json"]) == 1
    out = capsys.readouterr().out

    def no_constant(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    told = json.loads(out, parse_constant=no_constant)
    (bad,) = [f for f in told["findings"] if f["code"] == "BKS201"]
    assert bad["evidence"]["value"] == "NaN"
    (explosion,) = [f for f in told["findings"] if f["code"] == "BKS102"]
    assert None not in explosion["evidence"].values()
    assert (told["status"], told["iterations"], told["has_errors"]) == ("finished", 120, True)
    assert {v["code"] for v in told["verdicts"]} == set(CODES)
    assert told["timeline"]["end"] == 100
    assert None not in [x for m in told["timeline"]["moves"] for x in m.values()]


def test_hostile_names_stand_as_they_are_on_the_terminal(
    run_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "[bold]x[/bold] 100 %"
    write(run_path, {f"saturation/{name}": [0.9] * 5, "loss": learning(50)})
    assert main(["diagnose", str(run_path)]) == 0
    assert name in capsys.readouterr().out


def test_a_run_that_still_trains_can_be_diagnosed(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        for i, loss in enumerate(SICK["loss"]):
            recorder.scalars(i, {"loss": loss})
        recorder.flush()
        assert diagnose(run_path).has_errors
        assert main(["diagnose", str(run_path)]) == 1


@pytest.mark.some(2)
@pytest.mark.parametrize("name", ["hidden_norm", "reach", "context_loss", "grad_time"])
def test_a_scalar_of_the_users_with_a_profiles_name(
    name: str, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """``monitor.log(hidden_norm=…)``: recorded, and nobody's trouble."""
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1) as monitor:
        for _ in range(6):
            train(model, monitor, optimizer, 1)
            monitor.log(**{name: 3.0})
    assert not [r for r in caplog.records if "switched off" in r.getMessage()]
    assert main(["diagnose", str(run_path)]) == 0


# -- explain ------------------------------------------------------------------------------------


@pytest.mark.some(40)
@pytest.mark.parametrize("code", CODES)
def test_explain_every_code(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    known = explain(code)
    texts = [
        known.title,
        known.explanation,
        *known.ways,
        known.source,
        *known.causes,
        *known.remedies,
    ]
    assert known.causes
    assert known.remedies
    assert known.reads
    for text in texts:
        assert text.strip()
        assert not set("{}") & set(text)
        assert not re.search(r"\d/\d", text), "sums are for us to do"
        assert not re.search(r"\.\w*[fge]\b\}|nan", text)
    assert main(["explain", code.lower()]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for text in texts:
        assert " ".join(text.split()) in out


@pytest.mark.parametrize("rule", RULES)
def test_each_way_to_meet_a_criterion_has_a_line(rule: type[Rule]) -> None:
    ways = explain(rule.code).ways
    assert " ".join(ways) == explain(rule.code).criterion
    assert not any(". Or " in way or ". A note" in way for way in ways)


def test_explain_without_a_code_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == CODES


@pytest.mark.parametrize(
    ("code", "hint"),
    [("BKS2022", "did you mean BKS202"), ("bks999", "BKS"), ("hello", "the codes are BKS101"),
     (" ", "BKS101"), ("BS101", "did you mean BKS101"), ("BKS101BKS102", "BKS10"),
     ("{code}", "the codes are")],
)  # fmt: skip
def test_explain_an_unknown_code_helps(
    code: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", code]) == 2
    err = capsys.readouterr().err
    assert hint in err
    assert err.count("\n") == 1


# -- timeline -----------------------------------------------------------------------------------


def moved(count: int, at: int, usual: float, then: float) -> list[float]:
    return [*steady(at, usual), *[then] * (count - at)]


def test_the_timeline_tells_what_moved_first(run_path: Path) -> None:
    n = 501
    write(run_path, {
        "loss": [*steady(500, 2.0), NAN],
        "grad_norm": moved(n, 480, 0.5, 200.0),
        "grad_norm/rnn.weight": moved(n, 410, 0.5, 200.0),  # of parameters nothing is told
        "hidden_norm_mean/rnn.l0": moved(n, 460, 3.0, 9.0),
        "hidden_norm_mean/rnn.l1": moved(n, 470, 3.0, 9.0),
        "spectral_radius/rnn.l0": moved(n, 440, 1.1, 0.2),
        "lr": moved(n, 420, 0.1, 9.0),
        "saturation/rnn.l0": steady(n, 0.1),
    })  # fmt: skip
    chain = timeline(run_path)
    assert chain is not None
    assert (chain.end, chain.code) == (500, "BKS201")
    assert [(m.name, m.lead) for m in chain.moves] == [
        ("spectral_radius/rnn.l0", 60), ("hidden_norm_mean/rnn.l0", 40), ("grad_norm", 20),
        ("loss", 0),
    ]  # fmt: skip
    assert [m.extreme for m in chain.moves[:3]] == [0.2, 9.0, 200.0]
    assert math.isnan(chain.moves[3].extreme)
    assert chain.moves[2].usual == pytest.approx(0.5, rel=0.02)
    assert "60 iterations before the failure" in chain.message
    assert "fell from 1.1 to 0.2" in chain.message
    assert "was no longer finite" in chain.message


def test_a_timeline_where_nothing_moved(run_path: Path) -> None:
    write(run_path, {"loss": [*steady(500, 2.0), NAN], "grad_norm": steady(500, 0.5)})
    chain = timeline(run_path)
    assert chain is not None
    assert [m.name for m in chain.moves] in ([], ["loss"])


def test_what_came_back_did_not_move(run_path: Path) -> None:
    norms = steady(501, 0.5)
    norms[450] = 1e6
    write(run_path, {"loss": [*steady(500, 2.0), NAN], "grad_norm": norms})
    chain = timeline(run_path)
    assert chain is not None
    assert "grad_norm" not in [m.name for m in chain.moves]


def test_the_end_of_a_divergence_is_when_it_began(run_path: Path) -> None:
    loss = [*steady(200, 2.0), *steady(200, 9.0)]
    write(run_path, {"loss": loss, "grad_norm": moved(400, 190, 0.5, 50.0)})
    chain = timeline(run_path)
    assert chain is not None
    # Of the last 20 losses ten are at 9 and ten at 2: their median is 5.5 at iteration 209.
    assert (chain.end, chain.code) == (209, "BKS203")
    assert [(m.name, m.lead) for m in chain.moves] == [("grad_norm", 19), ("loss", 9)]


@pytest.mark.parametrize("series", [healthy(), WARNED, {}, {"grad_norm": [1.0] * 5}])
def test_no_timeline_where_the_loss_was_not_lost(series: Any, run_path: Path) -> None:
    assert timeline(write(run_path, series)) is None


@pytest.mark.parametrize(("every", "lost"), [(25, False), (1, True)])
def test_no_timeline_of_a_batch_that_is_nan_in_each_epoch(
    every: int, lost: bool, run_path: Path
) -> None:
    """The last one of an epoch may be empty; the run ends with it."""
    with Recorder(run_path) as recorder:
        for i in range(100):
            bad = i >= 24 and (i + 1) % every == 0
            recorder.scalars(i, {"loss": math.nan if bad else 2.0, "grad_norm": 1.0})
    assert (timeline(run_path) is not None) == lost


def test_no_timeline_of_one_bad_batch_that_was_survived(run_path: Path) -> None:
    """A NaN that was skipped at 100; the loss goes on down to the end."""
    series = healthy(600)
    series["loss"][100] = NAN
    assert timeline(write(run_path, series)) is None


def test_a_timeline_of_an_early_end(run_path: Path) -> None:
    for end, losses in enumerate([[NAN], [1.0, NAN], [1.0, 2.0, NAN, NAN]]):
        chain = timeline(write(run_path.with_name(f"run{end}"), {"loss": losses}))
        assert chain is not None
        assert (chain.end, chain.moves) == (end, ())
        assert chain.message


def test_a_timeline_of_a_run_that_failed_at_once(run_path: Path) -> None:
    """Too few samples for what is usual: a value that changes threefold has moved."""
    write(run_path, {
        "loss": [3.0, 23.0, NAN], "grad_norm": [0.5, 1.4, INF], "hidden_norm_mean/rnn": [6, 2, 1],
    })  # fmt: skip
    chain = timeline(run_path)
    assert chain is not None
    told = [(m.name, m.lead, m.usual, m.extreme) for m in chain.moves]
    assert told == [("hidden_norm_mean/rnn", 1, 6.0, 1.0), ("loss", 1, 3.0, 23.0)]
    assert "the training loss rose from 3 to 23" in chain.message


# -- context ------------------------------------------------------------------------------------


def test_usable_context_by_hand() -> None:
    lengths = [1, 2, 4, 8, 16]
    found = context_probe(lambda c: {1: 5.0, 2: 3.0, 4: 1.02, 8: 1.009, 16: 1.0}[c], lengths)
    assert (found.usable.steps, found.usable.low, found.usable.high) == (8, 8, 8)
    assert found.lengths.tolist() == lengths
    assert np.isnan(found.errors).all()
    # What dips and comes back up does not count: from there on every one is within 1 %.
    dips = context_probe(lambda c: {1: 5.0, 2: 1.0, 4: 2.0, 8: 1.0, 16: 1.0}[c], lengths)
    assert dips.usable.steps == 8
    flat = context_probe(lambda c: 2.0, lengths)
    assert flat.usable.steps == 1
    better = context_probe(lambda c: float(c), lengths)  # more is worse
    assert better.usable.steps == 1
    negative = context_probe(lambda c: {1: -1.0, 2: -3.98, 4: -4.0}[c], [1, 2, 4])
    assert negative.usable.steps == 2


def test_the_interval_of_a_usable_context() -> None:
    """Differences of -0.5 … 0.5 around 0.02: two standard errors are 0.19 either way."""
    spread = np.linspace(-0.5, 0.5, 11)
    full = np.full(11, 1.0)
    losses = {1: full + 1, 2: full + 0.1 + spread, 4: full + 0.02 + spread, 8: full}
    found = context_probe(lambda c: losses[c], 8)
    error = np.std(spread, ddof=1) / math.sqrt(11)
    assert found.errors.tolist() == pytest.approx([0, error, error, 0], abs=1e-12)
    assert (found.usable.low, found.usable.steps, found.usable.high) == (2, 8, 8)


def test_the_ladder() -> None:
    assert context_ladder(1) == [1]
    assert context_ladder(10) == [1, 2, 4, 8, 10]
    assert context_ladder(16) == [1, 2, 4, 8, 16]
    assert context_ladder(np.int64(3).item()) == [1, 2, 3]
    for bad in (0, -1, 1.5, "8", None, NAN):
        with pytest.raises(SettingError):
            context_ladder(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "lengths",
    [[], [0, 1], [2, 1], [1, 1], [-1], 0, -4, 2.5, None, "12", [1.5, 2.5], [1, NAN], ["a", "b"],
     [None]],
    ids=str,
)  # fmt: skip
def test_lengths_that_are_none(lengths: Any) -> None:
    with pytest.raises(SettingError):
        context_probe(lambda c: 1.0, lengths)


@pytest.mark.parametrize(
    "given",
    [None, "loss", [], {}, object(), [[1.0], [1.0, 2.0]], 1j, torch.ones(2, requires_grad=True)],
    ids=["None", "str", "empty", "dict", "object", "ragged", "complex", "with a graph"],
)
def test_losses_that_are_none(given: Any) -> None:
    with pytest.raises(SettingError, match="evaluate"):
        context_probe(lambda c: given, 4)


def test_an_error_of_the_evaluation_is_the_callers_own() -> None:
    def fail(length: int) -> float:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        context_probe(fail, 4)


@pytest.mark.parametrize("value", [NAN, INF])
@pytest.mark.parametrize("at", [1, 4, 8])
def test_losses_that_are_not_finite_are_said(value: float, at: int) -> None:
    found = context_probe(lambda c: value if c == at else 1.0, 8)
    assert "not finite" in found.summary
    several = context_probe(lambda c: [value if c == at else 1.0, 2.0, 3.0], 8)
    assert "not finite" in several.summary


def test_a_number_a_sequence_may_be_any_array() -> None:
    for given in (torch.tensor([1.0, 2.0]), np.array([[1.0], [2.0]]), [1, 2], torch.tensor(1.5)):
        found = context_probe(lambda c, given=given: given, 4)  # type: ignore[misc]
        assert found.losses.tolist() == [1.5] * 3


def test_context_of_a_monitor_is_recorded_and_observes_nothing(run_path: Path) -> None:
    torch.manual_seed(0)
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    asked: list[int] = []

    def evaluate(length: int) -> Tensor:
        asked.append(length)
        loss = model(torch.full((3, length, 3), NAN)).mean()  # with a graph, which it needs not
        return torch.tensor([float(length), 1.0]) + 0 * torch.nan_to_num(loss.detach())

    with watch(model, optimizer, run_path, every=1) as monitor:
        train(model, monitor, optimizer, 3)
        found = monitor.context(evaluate, [1, 3, 6])
        train(model, monitor, optimizer, 2)
    run = Run(run_path)
    assert asked == [1, 3, 6]
    assert run["context_loss"].tolist() == [[1.0, 2.0, 3.5]]
    assert run["context_length"].tolist() == [[1, 3, 6]]
    assert run["usable_context"].tolist() == [found.usable.steps]
    assert run["seq_len"].tolist() == [12] * 5
    assert np.isfinite(run["hidden_norm_max"]).all()
    assert not diagnose(run).has_errors


def test_a_context_that_is_not_finite_has_no_usable_one(run_path: Path) -> None:
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1) as monitor:
        train(model, monitor, optimizer, 3)
        monitor.context(lambda c: NAN if c > 2 else 1.0, 8)
    assert not np.isfinite(Run(run_path)["usable_context"]).any()


def test_a_context_that_fails_leaves_the_monitor_observing(run_path: Path) -> None:
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1) as monitor:
        train(model, monitor, optimizer, 3)
        with pytest.raises(SettingError):
            monitor.context(lambda c: "no", 4)
        train(model, monitor, optimizer, 3)
    assert len(Run(run_path)["loss"]) == 6
    assert "context_loss" not in Run(run_path).names


def test_usable_context_is_monotone_in_its_interval() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        losses = 1 + np.sort(rng.exponential(0.1, 6))[::-1] + rng.normal(0, 0.02, 6)
        usable = usable_context(np.array([1, 2, 4, 8, 16, 32]), losses, rng.exponential(0.02, 6))
        assert usable.low <= usable.steps <= usable.high


# -- the page -----------------------------------------------------------------------------------


class Ids(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [found["id"] or ""] if "id" in found else []
        link = found.get("href") or ""
        self.links += [link[1:]] if tag == "a" and link.startswith("#") else []


def page(run: Run) -> tuple[str, Ids]:
    text = write_report(run).read_text(encoding="utf-8")
    ids = Ids()
    ids.feed(text)
    return text, ids


@pytest.mark.parametrize("signals", [5, 200])
def test_the_file_is_opened_as_often_whatever_the_number_of_signals(
    signals: int, run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each opening reads the table of names: one a signal would be quadratic."""
    with Recorder(run_path) as recorder:
        for iteration in range(40):
            values = {f"update_ratio/{number}.weight": 1e-3 for number in range(signals)}
            recorder.scalars(iteration, {"loss": math.nan if iteration == 39 else 2.0, **values})
    opened = 0
    reading = _reading.reading

    def counted(*path: Any) -> Any:
        nonlocal opened
        opened += 1
        return reading(*path)

    monkeypatch.setattr(_run, "reading", counted)
    found = timeline(run_path)
    assert found is not None
    assert found.code == "BKS201"
    assert opened < 20


def test_links_of_findings_lead_somewhere(run_path: Path) -> None:
    fades = (0.5 ** np.arange(80)).tolist()
    grows = (1.1 ** np.arange(80)).tolist()
    run = write(run_path, {
        "loss": [*steady(500, 2.0), *steady(99, 20.0), NAN],
        "grad_norm": moved(600, 495, 50.0, 900.0), "grad_norm_applied": steady(600, 0.1),
        "reach/a": [fades] * 60, "reach/b": [grows] * 60, "reach/c": [[1, 1, 0, 0]] * 60,
        "hidden_norm/a": [list(range(1, 33))] * 60,
        "saturation/a": [0.9] * 60, "update_ratio/w": [0.5] * 60, "update_ratio/v": [0.0] * 60,
        "input_spread/a": [0.0] * 60, "hidden_norm_mean/a": moved(600, 490, 1.0, 5.0),
        "hidden_norm_max/a": moved(600, 490, 1.0, 5.0),
        "context_loss": [[3.0, 1.0, 1.0, 1.0]], "context_length": [[1, 2, 4, 64]],
    }, config={"facts": {"lag": 50, "baseline": 2.0}})  # fmt: skip
    text, ids = page(run)
    codes = {f.code for f in diagnose(run).lasting}
    assert len(codes) >= 10
    assert "findings" in ids.ids
    assert ids.links
    assert set(ids.links) <= set(ids.ids)
    assert len(ids.ids) == len(set(ids.ids))
    for code in codes:
        assert code in text


def test_a_page_without_findings_says_so(run_path: Path) -> None:
    text, ids = page(write(run_path, healthy()))
    assert "The run has no lasting finding." in text
    assert "findings" in ids.ids
    assert "article" not in ids.tags


def test_what_lacks_data_says_how_much_apart_from_what_is_not_finite(
    run_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    series = {"loss": learning(30), "update_ratio/w": [1e-3] * 2, "saturation/a": [NAN] * 5}
    text, _ = page(write(run_path, series))
    before, _, rest = text.partition("<details")
    listed = rest.partition("</details>")[0]
    said = "BKS404 updates too large: it needs 5 samples of update_ratio of a weight matrix"
    assert f"<li>{said}; there were 2.</li>" in listed
    assert "<li>BKS202 loss spike: it needs 40 losses; there were 30.</li>" in listed
    verdicts = diagnose(run_path).verdicts
    lacks = {v.code for v in verdicts if v.outcome == "not enough data"}
    assert "<summary>Not enough data for some rules</summary>" in listed
    unseen = {rule.code for rule in WIRING}  # of which one line tells
    assert f"<li>{min(unseen)} to {max(unseen)}: " in listed
    assert {code for code in CODES if f"<li>{code} " in listed} | unseen == lacks
    assert "not finite at the end of the run: BKS104." in before

    assert main(["diagnose", str(run_path)]) == 0
    out = capsys.readouterr().out
    assert f"\n  {said}; there were 2\n" in out
    assert "\nnot finite: BKS104\n" in out
    assert main(["diagnose", str(run_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["verdicts"]
    (spike,) = [v["reason"] for v in told if v["code"] == "BKS202"]
    assert spike == "it needs 40 losses; there were 30"


def test_a_rule_of_your_own_may_lack_data_too(run_path: Path) -> None:
    """Its code is in no list."""

    @dataclass
    class Own(Rule):
        code: ClassVar[str] = "MINE1"
        reads: ClassVar = ("loss", "pulse")

        def _update(self, now: Sample) -> None:
            self.ready = len(now.numbers("pulse")) > 1

    run, said = write(run_path, {"pulse": [1.0] * 3}), io.StringIO()
    print_diagnosis(run, diagnose(run, lambda: [Own()]), None, None, Console(file=said, width=200))
    reason = "it needs 1 sample of loss or pulse; none of the 3 recorded ones is usable"
    assert f"  MINE1: {reason}\n" in said.getvalue()


def test_hostile_layer_names_are_escaped(run_path: Path) -> None:
    name = "<script>alert('x')</script>&\"</style>"
    run = write(run_path, {
        f"saturation/{name}": [0.9] * 5, f"reach/{name}": [[1, 10, 1000.0]] * 5,
        f"update_ratio/{name}": [0.0] * 5, "update_ratio/w": [1e-3] * 5,
        f"hidden_norm_mean/{name}": [1.0] * 5, f"input_spread/{name}": [NAN],
        "loss": [1.0, 1.0, 1.0, 1.0, NAN],
    })  # fmt: skip
    assert {f.module for f in diagnose(run).lasting} >= {name}
    text, _ = page(run)
    assert name not in text
    assert "<script>alert" not in text
    # Nor may a figure's data end its own script.
    plotly_end = text.rindex("</head>")
    assert text[plotly_end:].count("alert('x')</script>") == 0


def test_a_name_is_told_as_it_is(run_path: Path) -> None:
    """A sentence may begin with a parameter's name, which is no word."""
    run = write(run_path, {"update_ratio/rnn.w": [0.0] * 5, "update_ratio/v": [1e-3] * 5})
    text, _ = page(run)
    assert "rnn.w has not moved" in text


# -- the input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (torch.zeros(5, 2, 3), 0.0),
        (torch.full((5, 2, 3), 7.0), 0.0),
        (torch.arange(6.0).reshape(3, 2, 1), 5.0),
        (torch.tensor([[[0.0, 1.0]], [[0.0, 5.0]], [[0.5, 3.0]]]), 4.0),
        (torch.tensor([[1.0], [NAN], [2.0]]), NAN),
        (torch.tensor([[1.0], [INF], [2.0]]), INF),
        (torch.tensor([[1.0], [-INF], [2.0]]), INF),
        (torch.full((3, 1), INF), NAN),
        (torch.tensor([[1e300], [-1e300]], dtype=torch.float64), 2e300),
    ],
)
def test_the_spread_of_an_input(x: Tensor, expected: float) -> None:
    spread = InputRange()
    spread.add("rnn", x)
    found = spread.take()["rnn"].item()
    assert found == pytest.approx(expected, nan_ok=True)
    assert spread.take() == {}


def test_the_spread_of_several_calls_is_that_of_all() -> None:
    spread = InputRange()
    for value in (1.0, 3.0, 2.0):
        spread.add("cell", torch.full((2, 3), value))
    spread.add("ints", torch.ones(2, 3, dtype=torch.long))
    spread.add("empty", torch.zeros(0, 3))
    assert {n: v.item() for n, v in spread.take().items()} == {"cell": 2.0}


def test_a_half_precision_input_that_is_finite_has_a_finite_spread() -> None:
    """40,000 - (-40,000) does not fit into float16; both ends do."""
    spread = InputRange()
    spread.add("rnn", torch.tensor([[-40_000.0], [40_000.0]], dtype=torch.float16))
    assert spread.take()["rnn"].item() == pytest.approx(80_000)


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("packed", [False, True])
def test_input_spread_is_recorded_of_fused_layers(
    kind: Callable[..., nn.RNNBase], packed: bool, run_path: Path
) -> None:
    torch.manual_seed(0)
    model = kind(3, 4)
    optimizer = SGD(model.parameters(), lr=0.1)
    ends = []
    with watch(model, optimizer, run_path, every=1):
        for i in range(6):
            parts = [torch.randn(n, 3) * (0 if i == 3 else 1) for n in (5, 3, 2)]
            flat = torch.cat(parts) if packed else parts[0]
            ends.append((flat.amax(0) - flat.amin(0)).amax().item())
            x = pack_sequence(parts) if packed else parts[0][:, None]
            out = model(x)[0]
            loss = (out.data if packed else out).square().mean()
            with torch.no_grad():
                model.eval()
                model(torch.full((2, 1, 3), NAN))  # a validation
                model.train()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    np.testing.assert_allclose(Run(run_path)["input_spread"], ends, rtol=1e-6)


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_input_spread_is_recorded_of_cells(
    kind: Callable[..., nn.RNNCellBase], run_path: Path
) -> None:
    cell = kind(3, 4)
    optimizer = SGD(cell.parameters(), lr=0.1)
    with watch(cell, optimizer, run_path, every=2):
        for i in range(6):
            x, state = torch.randn(4, 2, 3), None
            if i == 4:
                x[2, 0, 1] = NAN
            for t in range(4):
                state = cell(x[t], state)
            first = state[0] if isinstance(state, tuple) else state
            assert first is not None
            optimizer.zero_grad()
            first.square().mean().backward()
            optimizer.step()
    series = Run(run_path).series("input_spread")
    assert series.iterations.tolist() == [0, 2, 4]
    assert np.isfinite(series.values).tolist() == [True, True, False]
    assert "BKS406" in {f.code for f in diagnose(run_path).findings}


def test_eval_mode_is_left_out_beside_training(run_path: Path) -> None:
    """A validation with gradients on, of an input that is NaN."""
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1):
        for _ in range(4):
            x = torch.randn(4, 6, 3)
            loss = model(x).square().mean()
            model.eval()
            model(torch.full((2, 4, 3), NAN))
            model.train()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert np.isfinite(Run(run_path)["input_spread"]).all()
    assert not diagnose(run_path).findings


def test_a_stack_of_layers_that_overflows_is_not_blamed_on_the_data(run_path: Path) -> None:
    """The input is finite; the first layer's states are not, and they are the second's input."""
    torch.manual_seed(0)
    first = nn.RNN(3, 4, nonlinearity="relu", batch_first=True)
    second = nn.RNN(4, 4, nonlinearity="relu", batch_first=True)
    model = nn.ModuleDict({"first": first, "second": second})
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.fill_(1e13)
    optimizer = SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, run_path, every=1):
        for _ in range(4):
            loss = second(first(torch.rand(2, 6, 3))[0])[0].square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    codes = {f.code for f in diagnose(run_path).findings}
    assert "BKS201" in codes
    assert "BKS406" not in codes


def test_a_decoder_that_is_fed_zeros_is_not_sick(run_path: Path) -> None:
    """It lives on the state that the encoder hands it."""

    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = nn.GRU(3, 4), nn.GRU(3, 4)

        def forward(self, x: Tensor) -> Any:
            return self.decoder(torch.zeros_like(x), self.encoder(x)[1])[0]

    torch.manual_seed(0)
    model = Pair()
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1) as monitor:
        train(model, monitor, optimizer, 8)
    assert "BKS407" not in {f.code for f in diagnose(run_path).findings}


def test_the_judge_can_be_used_alone() -> None:
    judge = Judge()
    new = [f.code for i in range(60) for f in judge.update(i, {"loss": NAN if i > 50 else 1.0})]
    assert new == ["BKS201"]
    assert judge.diagnosis().has_errors


def test_an_infinity_that_a_gru_hides_in_an_unsampled_iteration_is_found(run_path: Path) -> None:
    """Its gates are shut or open, its states are finite: only the input tells."""
    torch.manual_seed(0)
    model = Net(nn.GRU)
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=50):
        for i in range(9):
            x = torch.randn(2, 6, 3)
            if i == 5:
                x[0, 2, 1] = INF
            loss = model(x).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    codes = {f.code: f.iteration for f in diagnose(run_path).findings}
    assert codes["BKS406"] == 5
