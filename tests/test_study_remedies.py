"""The study of remedies: what is tried, what counts as proof, and small studies end to end."""

import contextlib
import io
import json
import math
import re
import shutil
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backsight.cli import main
from backsight.cli._options import parse
from backsight.diagnosis import RULES, read_tried
from backsight.errors import RunError, SettingError
from backsight.lab import Chars, MemoryOrder, Training, train
from backsight.signals import Recorder, Run, dumps
from backsight.studies import (
    REMEDIES,
    Ended,
    RemedyPlan,
    RemedyStudy,
    RemedyTrial,
    Symptoms,
    Trial,
    print_remedy_study,
    remedies_for_run,
    remedies_for_task,
    remedy_study,
    symptoms_of,
    write_remedy_page,
)
from backsight.studies._command import differences, train_words
from backsight.studies.remedies._effect import doubts, effect_of
from backsight.studies.remedies._table import CALLED_FOR, DEFAULT, UNCHANGED, changed

NAMES = [remedy.name for remedy in REMEDIES]
BY_NAME = {remedy.name: remedy for remedy in REMEDIES}
SEEN = Symptoms(codes=("BKS203",), norm=0.7, momentum=0.9, iterations=100, lr_times=32.0)


def tiny(**changes: Any) -> MemoryOrder:
    settings: dict[str, Any] = {
        "length": 30, "hidden": 8, "batch": 4, "validate_sequences": 20, "device": "cpu",
        "iterations": 24, "checkpoint_every": 6, "report": False,
    }  # fmt: skip
    return MemoryOrder(**settings | changes)


# -- what is tried -----------------------------------------------------------------------------


def test_every_finding_is_mapped_to_remedies_that_there_are() -> None:
    """Or explicitly to none: where the code or the data are to blame."""
    assert {name for names in CALLED_FOR.values() for name in names} <= set(NAMES)
    assert {code for code, names in CALLED_FOR.items() if not names} == {
        "BKS208", "BKS304", "BKS401", "BKS402",
        *(rule.code for rule in RULES if rule.code >= "BKS406"),
    }  # fmt: skip


CHANGES: list[tuple[str, Training, str]] = [
    ("clip", tiny(), "--clip 0.7"),
    ("clip", tiny(plain=True), "--clip 0.7"),
    ("lr-third", tiny(lr=0.3), "--lr 0.1"),
    ("lr-tenth", tiny(), "--lr 0.0002"),
    ("lr-tenfold", tiny(optimizer="sgd"), "--lr 5.0"),
    ("lr-fit", tiny(lr=0.32), "--lr 0.01"),
    ("momentum-off", tiny(), "--momentum 0.0"),
    ("curriculum", tiny(), "--curriculum adaptive"),
    ("curriculum", Chars(seq_len=100), "--curriculum adaptive"),
    ("omega", tiny(), "--guard omega"),
    ("spectral", tiny(cell="lstm"), "--guard spectral"),
    ("spectral", tiny(guard="omega"), "--guard omega,spectral"),
    ("guard", tiny(), "--guard safe"),
    ("backoff", tiny(), "--guard backoff"),
    ("orthogonal", tiny(gain=4.0), "--init orthogonal --gain 1.0"),
    ("identity", tiny(), "--init identity"),
    ("gru", tiny(), "--cell gru"),
    ("lstm", tiny(), "--cell lstm"),
    ("chrono", tiny(gain=2.0), "--cell lstm --init chrono --gain 1.0"),
    ("chrono", tiny(cell="gru"), "--init chrono"),
    ("layer-norm", tiny(), "--cell rnn-norm"),
    ("default", tiny(optimizer="sgd", gain=3.0), "--gain 1.0 --optimizer adam --lr 0.001 "
     "--momentum 0.9"),
]  # fmt: skip


def test_every_remedy_has_a_case() -> None:
    assert {name for name, _, _ in CHANGES} == {*NAMES, "default"}


def test_every_remedy_has_a_row_on_its_page() -> None:
    """Which also says whether a guard does it in a script."""
    page = (Path(__file__).parent.parent / "docs/studies-remedies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+?) \|.*\| (.+?) \|$", page, re.MULTILINE)
    shown = {name: last for names, last in rows for name in re.findall(r"`([\w-]+)`", names)}
    assert shown.keys() == {*NAMES}
    for name, last in shown.items():
        assert (last == "–") == (BY_NAME[name].guard is None), name


@pytest.mark.parametrize(("name", "settings", "options"), CHANGES)
def test_what_a_remedy_changes(name: str, settings: Training, options: str) -> None:
    remedy = DEFAULT if name == "default" else BY_NAME[name]
    after = changed(remedy, settings, SEEN)
    before = changed(UNCHANGED, settings, SEEN)
    assert not isinstance(after, str)
    assert not isinstance(before, str)
    assert differences(after, before) == options


@pytest.mark.parametrize(
    ("name", "settings", "why"),
    [
        ("clip", tiny(guard="safe"), "the run's guard already clips"),
        ("clip", tiny(clip=0.7), "the run already has it"),
        ("momentum-off", tiny(optimizer="sgd"), "the run has no momentum"),
        ("curriculum", tiny(length=20), "up to 20 steps are already short"),
        ("curriculum", Chars(seq_len=64), "up to 64 steps"),
        ("curriculum", tiny(curriculum="linear"), "the run already has a curriculum"),
        ("omega", tiny(cell="gru"), "only to the cells rnn and rnn-relu, not to gru"),
        ("omega", tiny(guard="omega"), "omega is given twice"),
        ("guard", tiny(safe=True), "the run already has a guard"),
        ("gru", tiny(cell="gru"), "the run already has it"),
        ("gru", tiny(cell="lstm", init="chrono", fork=Path("a.ckpt")), "how training starts"),
        ("layer-norm", tiny(cell="lstm"), "only to the cells rnn and rnn-relu, not to lstm"),
        ("layer-norm", tiny(cell="rnn-norm"), "the run already has it"),
        ("layer-norm", tiny(hidden=1), "needs --hidden 2 or more"),
        ("spectral", tiny(cell="rnn-norm"), "not to rnn-norm"),
        ("orthogonal", tiny(fork=Path("a.ckpt")), "it changes how training starts"),
        ("lstm", tiny(fork=Path("a.ckpt")), "--from start to try it"),
    ],
)
def test_why_a_remedy_cannot_be_tried(name: str, settings: Training, why: str) -> None:
    assert why in str(changed(BY_NAME[name], settings, SEEN))


def test_without_a_gradient_norm_there_is_no_clip() -> None:
    assert "no finite gradient norm" in str(changed(BY_NAME["clip"], tiny(), Symptoms()))


@pytest.mark.parametrize(
    "settings",
    [
        tiny(),
        tiny(optimizer="sgd", lr=1 / 3, clip=None, seed=7, validate_every=5),
        Chars(text=Path("a b.txt"), stateful=False, layers=2, dropout=0.1, momentum=0.5),
        tiny(plain=True, fork=Path("x/fork.ckpt")),
    ],
)
def test_settings_as_words_are_read_back(settings: Training) -> None:
    words = train_words(settings)
    assert words[:2] == ["train", settings.task_name]
    assert parse(type(settings), "backsight train", words[2:]) == replace(settings, report=True)


def test_settings_that_are_in_force_anyway_are_no_words() -> None:
    """A run's manifest has the numbers in force."""
    words = train_words(MemoryOrder(lr=0.002, momentum=0.9, validate_every=200))
    assert words == ["train", "temporal-order"]
    assert "--lr" in train_words(MemoryOrder(lr=0.002, optimizer="sgd"))


def recorded(path: Path, norm: Callable[[int], float], loss: Callable[[int], float]) -> Run:
    with Recorder(path, kind="train temporal-order", config={}, seed=0) as recorder:
        for i in range(200):
            numbers = {"loss": loss(i), "grad_norm": norm(i), "momentum": 0.9}
            recorder.scalars(i, numbers)
    return Run(path)


def test_the_clip_is_the_median_while_it_was_healthy(run_path: Path) -> None:
    run = recorded(
        run_path, lambda i: 0.512 if i < 60 else math.inf if i % 2 else 1e6,
        lambda i: 1.0 if i < 60 else math.nan,
    )  # fmt: skip
    found = symptoms_of(run)
    assert found.norm == 0.51
    assert "BKS201" in found.codes
    assert found.momentum == pytest.approx(0.9)
    assert found.iterations == 200


def test_no_finite_norm_is_no_norm(run_path: Path) -> None:
    assert symptoms_of(recorded(run_path, lambda i: math.nan, lambda i: 1.0)).norm is None


def test_findings_come_first_and_the_random_fix_is_none_of_theirs() -> None:
    plan = remedies_for_task(tiny(lr=0.1))
    assert [r.name for r in plan.remedies(SEEN)][:5] == list(CALLED_FOR["BKS203"])
    drawn = {plan.drawn(SEEN, seed) for seed in range(40)}
    assert len(drawn) > 5
    assert not {r.name for r in drawn if r is not None} & set(CALLED_FOR["BKS203"])
    again = [plan.drawn(SEEN, seed) for seed in range(40)]
    assert again == [plan.drawn(SEEN, seed) for seed in range(40)]


def test_only_some() -> None:
    plan = remedies_for_task(tiny(), only=("gru", "clip"))
    assert {r.name for r in plan.remedies(SEEN)} == {"gru", "clip"}
    with pytest.raises(SettingError, match="there is no remedy 'pills': --only expects names from"):
        remedies_for_task(tiny(), only=("pills",))


# -- what it comes to --------------------------------------------------------------------------


def rows(*losses: float | None) -> list[RemedyTrial]:
    return [
        RemedyTrial("x", seed, "failed" if loss is None else "learned", loss=loss)
        for seed, loss in enumerate(losses)
    ]


@pytest.mark.parametrize(
    ("after", "before", "by_seed", "median"),
    [
        ([0.1, 0.2, 0.4], [1.0, 1.0, 1.0], (0.9, 0.8, 0.6), 0.8),
        ([0.1], [math.nan], (math.inf,), math.inf),
        ([math.nan], [0.1], (-math.inf,), -math.inf),
        ([math.inf], [math.nan], (0.0,), 0.0),
        ([0.1, 0.1, 9.0], [math.inf, math.nan, 1.0], (math.inf, math.inf, -8.0), math.inf),
        ([0.1, math.nan], [math.nan, 0.1], (math.inf, -math.inf), -math.inf),
        ([0.1, None], [1.0, 1.0], (0.9,), 0.9),
    ],
)
def test_effects(
    after: list[float | None], before: list[float | None], by_seed: tuple[float, ...], median: float
) -> None:
    """A loss that is not finite is worse than any that is, and no better than another."""
    found = effect_of(rows(*after), rows(*before))
    assert found is not None
    assert found.by_seed == pytest.approx(by_seed)
    assert found.median == pytest.approx(median)


def test_without_a_pair_there_is_no_effect() -> None:
    assert effect_of(rows(None, 1.0), rows(1.0, None)) is None


@pytest.mark.parametrize(
    ("after", "before", "rival", "doubt"),
    [
        ([0.1, 0.1, 0.1], [1.0, 1.1, 0.9], [1.0, 1.0, 1.0], ""),
        ([0.1, 0.1, 0.1], [math.nan, 1.1, math.inf], [1.0, 1.0, 1.0], ""),
        ([0.1, 0.1, 0.1], [math.nan, math.nan, math.nan], [math.nan] * 3, ""),
        ([0.1, 0.1], [1.0, 1.1], [1.0, 1.0], "2 seeds cannot prove an effect: at least 3"),
        ([0.1], [1.0], [1.0], "1 seed cannot prove an effect"),
        ([0.1, 0.1, None], [1.0, 1.1, 0.9], [1.0, 1.0, 1.0], "not every seed has a result"),
        ([0.1, 0.1, 1.0], [1.0, 1.1, 0.9], [1.0, 1.0, 1.0], "only 2 of 3 seeds"),
        ([0.1, 0.1, math.nan], [1.0, 1.1, 0.9], [1.0, 1.0, 1.0], "only 2 of 3 seeds"),
        ([math.nan] * 3, [math.nan] * 3, [1.0, 1.0, 1.0], "only 0 of 3 seeds"),
        ([0.8, 0.95, 0.7], [0.9, 1.1, 1.3], [1.0, 1.0, 1.0], "seeds alone differ as much"),
        (
            [0.96, 0.97, 0.98],
            [1.0, 1.01, 0.99],
            [1.0, 1.0, 1.0],
            "at most 5 % of the unchanged loss",
        ),
        (
            [0.1, 0.1, 0.1],
            [1.0, 1.1, 0.9],
            [0.01, 0.01, 0.01],
            "the default fix has a larger effect",
        ),
        ([0.1, 0.1, 0.1], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0], "ends the same with every seed"),
    ],
)
def test_what_is_proof(
    after: list[float | None], before: list[float], rival: list[float], doubt: str
) -> None:
    unchanged = rows(*before)
    found = doubts(
        rows(*after), unchanged, [("the default fix", effect_of(rows(*rival), unchanged))]
    )
    assert (doubt in found) if doubt else (found == "")


# -- studies -----------------------------------------------------------------------------------


class Pretended:
    """An engine that writes each trial's run by hand: a loss by remedy and seed."""

    workers = 1

    def __init__(self, loss: Callable[[str, int], float | None], stop_after: int = 10**6) -> None:
        self.loss, self.stop_after = loss, stop_after
        self.made: list[str] = []

    def run(self, trials: Sequence[Trial]) -> Generator[Ended, None, None]:
        for trial in trials:
            if len(self.made) == self.stop_after:
                raise KeyboardInterrupt
            self.made.append(trial.name)
            remedy, _, seed = trial.name.rpartition("-seed")
            loss = self.loss(remedy, int(seed))
            if loss is None:
                trial.log.parent.mkdir(exist_ok=True)
                trial.log.write_text("no room on the device\n")
                yield Ended(trial.name, 1, 2.0)
                continue
            config = {"iterations": 12}
            with Recorder(trial.run, kind="train x", config=config, seed=0) as recorder:
                for i in range(12):
                    recorder.scalars(i, {"loss": 1.4, "grad_norm": 0.5})
                recorder.scalars(11, {"val_loss": loss, "val_sequence_error": 0.25})
            yield Ended(trial.name, 0, 2.0)


def orthogonal_helps(remedy: str, seed: int) -> float | None:
    return 0.01 if remedy == "orthogonal" else 1.3 + 0.01 * (seed % 3)


ONLY = ("orthogonal", "gru")


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> tuple[RemedyStudy, list[str]]:
    """A study in which the orthogonal matrix helps, and the trials that it made."""
    engine = Pretended(orthogonal_helps)
    folder = tmp_path_factory.mktemp("proven") / "study"
    return remedy_study(remedies_for_task(tiny(), only=ONLY), folder, engine), engine.made


@pytest.mark.long
def test_proven_on_fresh_seeds(proven: tuple[RemedyStudy, list[str]]) -> None:
    study, made = proven
    assert (study.verdict.outcome, study.verdict.remedy) == ("proven", "orthogonal")
    for words in ("Proven on this run: orthogonal (--init orthogonal)", "1.3 lower",
                  "3 fresh seeds", "With the default fix", "with a random fix"):  # fmt: skip
        assert words in study.verdict.message
    assert study.verdict.command == (
        "backsight train temporal-order --hidden 8 --init orthogonal --batch 4 --iterations 24 "
        "--device cpu --checkpoint-every 6 --length 30 --validate-sequences 20"
    )
    fresh = [name for name in made if name.endswith(("seed3", "seed4", "seed5"))]
    assert {"orthogonal-seed3", "unchanged-seed4", "default-seed5"} <= set(fresh)
    random = {trial.remedy for trial in study.random.fresh}
    assert any("gru" in name for name in fresh) == ("gru" in random)
    assert [arm.name for arm in study.remedies] == ["orthogonal", "gru"]
    told = json.loads(dumps(study.as_dict()))
    assert told["remedies"][0]["proof"]["by_seed"] == pytest.approx([1.29, 1.3, 1.31])


@pytest.mark.long
@pytest.mark.long
def test_what_helped_by_luck_is_not_proven(tmp_path: Path) -> None:
    """The best of many is chosen for its luck, which fresh seeds do not have."""
    lucky = Pretended(lambda r, seed: 0.01 if r == "gru" and seed < 3 else 1.3 + seed / 100)
    study = remedy_study(remedies_for_task(tiny(), only=("gru",)), tmp_path / "study", lucky)
    assert (study.verdict.outcome, study.verdict.remedy) == ("not proven", "gru")
    assert study.verdict.doubt == "on fresh seeds, it improves the loss of only 0 of 3 seeds"


def test_where_the_default_fix_does_more_that_is_said(tmp_path: Path) -> None:
    losses = {"default": 0.1, "gru": 0.5}
    engine = Pretended(lambda r, seed: losses.get(r, 1.0) + seed / 100)
    study = remedy_study(remedies_for_task(tiny(), only=("gru",)), tmp_path / "study", engine)
    assert study.verdict.doubt == "the default fix has a larger effect"
    assert "To apply the default fix, type: backsight train" in study.verdict.message
    assert "--lr 0.001" in study.verdict.message


def test_nothing_helps_and_then_no_fresh_seeds_are_trained(tmp_path: Path) -> None:
    progress: list[dict[str, Any]] = []

    def loss(remedy: str, seed: int) -> float:
        progress.append(json.loads((tmp_path / "study/progress.json").read_text()))
        return 1.0 if remedy == "unchanged" else 2.0

    engine = Pretended(loss)
    study = remedy_study(remedies_for_task(tiny(), only=("gru",)), tmp_path / "study", engine)
    assert study.verdict.outcome == "nothing helps"
    # Whoever looks at the folder meanwhile sees how far it is: three trials come first, 2 s each.
    assert [(one["done"], one["left"]) for one in progress[:3]] == [(0, None), (1, 4.0), (2, 2.0)]
    count = len(engine.made)
    assert (progress[0]["total"], progress[3]["total"]) == (3, count)
    assert progress[3]["left"] == 2.0 * (count - 3)
    assert all(one["more"] and one["writer"] for one in progress)
    told = json.loads((tmp_path / "study/progress.json").read_text())
    assert (told["done"], told["ended"], told["writer"]) == (count, True, None)
    assert not study.verdict.command
    assert not any(name.endswith("seed3") for name in engine.made)


@pytest.mark.long
@pytest.mark.long
def test_a_finite_remedy_beats_a_run_that_broke(tmp_path: Path) -> None:
    engine = Pretended(lambda r, seed: 0.5 + seed / 100 if r == "gru" else math.nan)
    study = remedy_study(remedies_for_task(tiny(), only=ONLY), tmp_path / "study", engine)
    assert (study.verdict.outcome, study.verdict.remedy) == ("proven", "gru")
    assert "finite where it was not" in study.verdict.message
    assert study.remedies[-1].effect is not None
    assert study.remedies[-1].effect.median == 0.0  # neither is finite


@pytest.mark.long
def test_a_trial_that_dies_is_one_row(tmp_path: Path) -> None:
    def loss(remedy: str, seed: int) -> float | None:
        return None if (remedy, seed) == ("gru", 1) else orthogonal_helps(remedy, seed)

    plan = remedies_for_task(tiny(), only=ONLY)
    study = remedy_study(plan, tmp_path / "study", Pretended(loss))
    dead = [trial for trial in study.trials if trial.outcome == "failed"]
    assert [(trial.remedy, trial.seed) for trial in dead] == [("gru", 1)]
    assert dead[0].reason == "exit status 1: no room on the device"
    assert study.verdict.outcome == "proven"
    again = Pretended(orthogonal_helps)
    remedy_study(plan, tmp_path / "study", again)
    assert again.made == ["gru-seed1"]


@pytest.mark.long
def test_interrupted_it_goes_on(tmp_path: Path, proven: tuple[RemedyStudy, list[str]]) -> None:
    expected, made = proven
    first = Pretended(orthogonal_helps, stop_after=5)
    with pytest.raises(KeyboardInterrupt):
        remedy_study(expected.plan, tmp_path / "study", first)
    second = Pretended(orthogonal_helps)
    study = remedy_study(expected.plan, tmp_path / "study", second)
    assert sorted(first.made + second.made) == sorted(made)
    assert study.verdict == expected.verdict
    third = Pretended(orthogonal_helps)
    remedy_study(expected.plan, tmp_path / "study", third)
    assert third.made == []


@pytest.mark.long
def test_page_and_terminal_show_what_came_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def loss(remedy: str, seed: int) -> float | None:
        return math.nan if remedy == "gru" else orthogonal_helps(remedy, seed)

    plan = remedies_for_task(tiny(length=20), only=(*ONLY, "curriculum"))
    study = remedy_study(plan, tmp_path / "study", Pretended(loss))
    print_remedy_study(study)
    said = capsys.readouterr().out
    page = write_remedy_page(study).read_text()
    assert "+1.3 (+1.3 to +1.3) 3/3" in said
    for words in ("orthogonal (--init orthogonal)", "not finite", "Proven on this run"):
        assert words in said
        assert words in page
    assert "not tried: curriculum: sequences of up to 20 steps are already short" in said
    assert r"3\u00d7" in page  # three crosses in the picture of the losses


class InProcess:
    """An engine that trains in this process: importing torch is most of a tiny trial."""

    workers = 1

    def run(self, trials: Sequence[Trial]) -> Generator[Ended, None, None]:
        for trial in trials:
            with contextlib.redirect_stdout(io.StringIO()):
                yield Ended(trial.name, main(list(trial.command[3:])), 1.0)


def snapshot(path: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}


@pytest.mark.long
def test_a_fork_of_a_run_end_to_end(tmp_path: Path) -> None:
    """Unchanged and with the run's own seed it is what the run became; the run stays as it was."""
    run = train(tiny(run=tmp_path / "run", lr=0.05))
    before = snapshot(run.path)
    plan = remedies_for_run(run, "12", seeds=2, only=("clip", "orthogonal", "momentum-off"))
    study = remedy_study(plan, tmp_path / "study", InProcess())
    first, second = (Run(tmp_path / f"study/runs/unchanged-seed{n}") for n in (0, 1))
    assert run["loss"][12:].tobytes() == first["loss"].tobytes()
    assert study.unchanged.trials[0].loss == run["val_loss"][-1]
    assert not np.array_equal(first["loss"], second["loss"])
    assert "changes how training starts" in next(
        arm.refusal for arm in study.remedies if arm.name == "orthogonal"
    )
    assert {t.outcome for t in study.trials} & {"failed", "not run"} == set()
    assert snapshot(run.path).keys() - before.keys() == {run.path / "remedies.json"}
    assert before.items() <= snapshot(run.path).items()
    shutil.rmtree(run.path / "checkpoints")  # the study has a copy of its own
    assert remedy_study(plan, tmp_path / "study", Pretended(orthogonal_helps)).trials


@pytest.mark.long
def test_a_run_from_the_start_with_a_budget(tmp_path: Path) -> None:
    run = train(tiny(run=tmp_path / "run"))
    plan = remedies_for_run(run, budget=10, seeds=1, only=("lr-tenth",))
    study = remedy_study(plan, tmp_path / "study", InProcess())
    unchanged = Run(tmp_path / "study/runs/unchanged-seed0")
    assert unchanged.iterations == 10
    assert unchanged["loss"].tobytes() == run["loss"][:10].tobytes()
    tenth = Run(tmp_path / "study/runs/lr-tenth-seed0")
    assert tenth["lr"][-1] == pytest.approx(0.0002)
    assert study.verdict.outcome in ("not proven", "nothing helps")  # one seed proves nothing


# -- what it leaves with the run ---------------------------------------------------------------


@pytest.mark.long
def test_diagnose_tells_of_it(
    proven: tuple[RemedyStudy, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    study = proven[0]
    tried = read_tried(study.run)
    assert tried is not None
    assert (tried.proven, tried.remedy, tried.iterations) == (True, "orthogonal", 12)
    main(["diagnose", str(study.run)])
    said = capsys.readouterr().out
    assert "Proven on this run: orthogonal" in said
    assert study.verdict.command in said
    main(["diagnose", str(study.run), "--json"])
    told = json.loads(capsys.readouterr().out)["remedies"]
    assert told == tried.as_dict()


def test_diagnose_of_a_run_without_a_study(
    small_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["diagnose", str(small_run.path)])
    assert "study:" not in capsys.readouterr().out
    main(["diagnose", str(small_run.path), "--json"])
    assert json.loads(capsys.readouterr().out)["remedies"] is None


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "content", ["{", "[]", '{"format": 1}', '{"format": 99}', "", '{"format": "x"}']
)
def test_a_damaged_file_of_it_is_one_sentence(
    content: str, small_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (small_run.path / "remedies.json").write_text(content)
    with pytest.raises(RunError, match=r"remedies\.json .*remove it, or run"):
        read_tried(small_run.path)
    assert main(["diagnose", str(small_run.path)]) == 1  # as without it: it holds a NaN
    assert "or run the study of remedies again" in capsys.readouterr().out
    main(["diagnose", str(small_run.path), "--json"])
    assert "remedies.json" in json.loads(capsys.readouterr().out)["remedies"]["error"]


# -- scripts -----------------------------------------------------------------------------------

SCRIPT = """
import sys, torch
from torch import nn

torch.manual_seed(int(sys.argv[1]))
rnn, head = nn.RNN(1, 4, batch_first=True), nn.Linear(4, 1)
optimizer = torch.optim.SGD([*rnn.parameters(), *head.parameters()], lr=0.1)
for _ in range(20):
    x = torch.randn(4, 6, 1)
    loss = (head(rnn(x)[0][:, -1]) - x[:, 0]).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def script_run(path: Path, **changes: Any) -> Run:
    config = {"script": "train", "arguments": ["7"], "every": "auto", "budget": 0.01,
              "sequences": None, "inputs": None, "guard": None}  # fmt: skip
    with Recorder(path, kind="run", config=config | changes, seed=None) as recorder:
        for i in range(30):
            recorder.scalars(i, {"loss": 1.0, "grad_norm": 0.4})
    return Run(path)


@pytest.mark.usefixtures("forked_trials")
def test_a_script_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a guard can do is tried from outside; the rest is refused in words."""
    from backsight.studies import make_engine

    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(SCRIPT)
    run = script_run(tmp_path / "run")
    info = json.loads((run.path / "run.json").read_text())
    info["command"] = "backsight run --run run train.py 7"
    (run.path / "run.json").write_text(json.dumps(info))
    plan = remedies_for_run(run.path, seeds=1, only=("clip", "gru", "momentum-off"))
    study = remedy_study(plan, tmp_path / "study", make_engine("local:2"))
    assert {t.outcome for t in study.trials} <= {"learned", "nothing learned"}
    clip = next(arm for arm in study.remedies if arm.name == "clip")
    assert clip.command == ("backsight run --every auto --budget 0.01 --guard clip=0.4 train.py 7")
    assert "policies_from('clip=0.4')" in clip.code
    assert Run(tmp_path / "study/runs/clip-seed0").info["config"]["guard"] == "clip=0.4"
    refused = {arm.name: arm.refusal for arm in study.remedies if arm.refusal}
    assert "change the script itself" in refused["gru"]
    assert "momentum-off" in refused  # none was recorded


def test_the_seed_of_a_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(SCRIPT)
    run = script_run(tmp_path / "run")
    run.info["command"] = "backsight run train.py 7"
    plan = remedies_for_run(run, seed_argument="--seed")
    words = plan.subject.arguments(UNCHANGED, SEEN, 2, Path("r"), Path("f"))
    assert words == ["run", "--every", "auto", "--budget", "0.01", "--run", "r", "train.py", "7",
                     "--seed=2"]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "command", "said"),
    [
        ({}, "backsight run gone.py 7", "gone.py, which does not exist here"),
        ({"guard": "safe"}, "backsight run train.py 7", r"was made with a guard \(safe\)"),
        ({"arguments": None}, "backsight run train.py 7", "does not record the command"),
        ({}, "", "does not record the command|not exist here"),
    ],
)
def test_a_script_that_cannot_be_run_again(
    changes: dict[str, Any], command: str, said: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(SCRIPT)
    run = script_run(tmp_path / "run", **changes)
    run.info["command"] = command
    with pytest.raises(RunError, match=said):
        remedies_for_run(run)


# -- wrong use ---------------------------------------------------------------------------------


@pytest.mark.some(8)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", "1"], "expects a run folder or a task"),
        (["knitting"], "'knitting' is neither a run folder nor a task"),
        (["order", "--only", "pills"], "there is no remedy 'pills'"),
        (["order", "--seeds", "0"], "--seeds must be"),
        (["order", "--budget", "-5"], "--budget must be at least 1"),
        (["order", "--budget", "5", "--iterations", "9"], "both set the iterations"),
        (["order", "--from", "best"], "a task has none: give a run folder"),
        (["order", "--run", "x"], "the study sets --run itself"),
        (["order", "--hidden", "0"], "--hidden must be"),
        (["order", "--seed-argument", "--seed"], "applies only to a run of a script"),
        (["order", "--engine", "steam"], "--engine expects"),
        (["run", "--hidden", "9"], "--hidden cannot be combined with a run"),
        (["run", "--from", "13"], "this run has no checkpoint '13': --from expects start, "
         "best, last or one of 6, 12"),
        (["run", "--from", "last"], "run has no iterations left after 12"),
        (["run", "--budget", "0"], "--budget must be at least 1"),
        (["run", "--seed-argument", "--seed"], "applies only to a run of a script: leave it out"),
        (["bare", "--from", "best"], "holds no checkpoint: leave out --from"),
        (["other"], "was not made by backsight train"),
        (["empty"], "is not a run folder"),
        (["run", "--only", "clip", "--out", "empty/x"], "already exists and is not a study"),
    ],
)  # fmt: skip
def test_wrong_use_is_one_sentence(
    words: list[str], said: str, trained: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, "run")
    shutil.copytree(trained, "bare", ignore=shutil.ignore_patterns("checkpoints"))
    script_run(Path("other"))
    info = json.loads(Path("other/run.json").read_text())
    Path("other/run.json").write_text(json.dumps(info | {"kind": "watch"}))
    Path("empty/x").mkdir(parents=True)
    Path("empty/x/thesis.txt").touch()
    before = snapshot(tmp_path)
    assert main(["study", "remedies", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert snapshot(tmp_path) == before


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with the checkpoints 6 and 12."""
    path = tmp_path_factory.mktemp("trained") / "run"
    train(tiny(run=path, iterations=12))
    (path / "checkpoints" / "iteration-000000000.ckpt").unlink()
    return path


def test_a_run_that_still_trains_is_left_alone(tmp_path: Path) -> None:
    with (
        Recorder(tmp_path / "run", kind="train temporal-order", config={}, seed=0),
        pytest.raises(RunError, match="still training: wait until it ends"),
    ):
        remedies_for_run(tmp_path / "run")


@pytest.mark.long
def test_another_plan_is_another_study(proven: tuple[RemedyStudy, list[str]]) -> None:
    with pytest.raises(RunError, match=r"other settings .*seeds 3, now 4"):
        remedy_study(
            replace(proven[0].plan, seeds=4), proven[0].folder, Pretended(orthogonal_helps)
        )


def test_the_plan_needs_seeds() -> None:
    with pytest.raises(SettingError, match="--seeds must be"):
        RemedyPlan(remedies_for_task(tiny()).subject, seeds=-1)


def test_help_names_every_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["study", "remedies", "--help"])
    said = capsys.readouterr().out
    assert all(f"  {name} " in said for name in NAMES)
