"""The ten-second strip of a run, on runs written by hand."""

import json
import math
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backsight.diagnosis import Judge, diagnose, findings_so_far
from backsight.report import RunStrip, strip
from backsight.signals import Recorder, Run, dumps

NAN = math.nan
Write = Callable[[Recorder], None]


@pytest.fixture
def told(run_path: Path) -> Callable[..., RunStrip]:
    """The strip of a finished run of whatever is recorded."""

    def make(write: Write, **config: object) -> RunStrip:
        with Recorder(run_path, config=config) as recorder:
            write(recorder)
        return strip(Run(run_path))

    return make


def losses(*values: float) -> Write:
    return lambda recorder: recorder.series("loss", range(len(values)), values)


# -- what it says ------------------------------------------------------------------------------


def test_loss_against_the_baseline_of_the_task(told: Callable[..., RunStrip]) -> None:
    """facts.baseline, as BKS302 takes it; the median of the newest 100 is what is compared."""
    found = told(losses(*[9.0] * 50, *[3.0] * 60, *[1.0] * 40), facts={"baseline": 4.0})
    (loss,) = found.losses
    assert (loss.value, loss.iteration, loss.recent) == (1.0, 149, 3.0)
    assert (loss.guess, loss.guess_from, loss.below) == (4.0, "task", 0.25)


def test_loss_against_the_best_constant_answer(told: Callable[..., RunStrip]) -> None:
    def write(recorder: Recorder) -> None:
        recorder.series("loss", [0, 1, 2], [3.0, 3.0, 3.0])
        recorder.series("guess_loss", [0, 2], [5.0, 2.0])

    (loss,) = told(write).losses
    assert (loss.guess, loss.guess_from, loss.below) == (2.0, "constant answer", -0.5)


def test_a_guess_that_is_not_known_is_no_number(told: Callable[..., RunStrip]) -> None:
    def write(recorder: Recorder) -> None:
        recorder.series("loss", [0], [3.0])
        recorder.series("guess_loss", [0], [NAN])

    (loss,) = told(write).losses
    assert (loss.guess, loss.guess_from, loss.below) == (None, "", None)


def test_a_nan_is_the_loss_now_and_never_null(told: Callable[..., RunStrip]) -> None:
    found = told(losses(2.0, 1.0, NAN), facts={"baseline": 4.0})
    (loss,) = found.losses
    assert math.isnan(loss.value)
    assert loss.recent == 1.5
    assert (loss.curve.not_finite, loss.curve.not_finite_at) == (1, (2,))
    written = json.loads(dumps(found.as_dict()))["losses"][0]
    assert (written["value"], written["below"]) == ("NaN", "NaN")  # and not 62 % below the guess


def test_losses_that_are_all_nan_are_not_below_the_guess(told: Callable[..., RunStrip]) -> None:
    (loss,) = told(losses(NAN, NAN), facts={"baseline": 4.0}).losses
    assert math.isnan(loss.recent)
    assert loss.below is not None
    assert math.isnan(loss.below)


def test_gradient_norm_raw_and_as_applied(told: Callable[..., RunStrip]) -> None:
    def write(recorder: Recorder) -> None:
        for i, norm in enumerate([2.0, math.inf, NAN, 8.0, 0.0]):
            recorder.scalars(i, {"grad_norm": norm, "grad_norm_applied": min(norm, 1.0)})
        recorder.scalars(4, {"grad_norm/rnn.weight": 5.0})  # of a parameter

    (gradient,) = told(write).gradients
    assert (gradient.label, gradient.iteration) == ("", 4)
    assert (gradient.raw, gradient.applied) == (0.0, 0.0)
    assert gradient.curve.not_finite == 2
    assert gradient.curve.not_finite_at == (1, 2)
    assert gradient.curve.values == (2.0, 8.0)  # a log axis cannot show the zero


def test_a_spike_of_one_iteration_stays_in_the_curve(told: Callable[..., RunStrip]) -> None:
    values = np.ones(50_000)
    values[31_415] = 1e9
    (loss,) = told(lambda r: r.series("loss", range(len(values)), values)).losses
    assert len(loss.curve.values) <= 4 * 240
    assert dict(zip(loss.curve.iterations, loss.curve.values, strict=True))[31_415] == 1e9


def test_several_models_are_told_by_name(told: Callable[..., RunStrip]) -> None:
    def write(recorder: Recorder) -> None:
        for model, norm in (("critic", 2.0), ("actor", 3.0)):
            recorder.scalars(
                0, {f"loss/{model}": norm, f"grad_norm/{model}": norm, f"lr/{model}": 0.1}
            )
            recorder.scalars(
                0, {f"grad_norm_applied/{model}": 1.0, f"guess_loss/{model}": 2 * norm}
            )
            recorder.scalars(0, {f"grad_norm/{model}.rnn.weight": 7.0})

    found = told(write)
    assert [(one.label, one.value, one.below) for one in found.losses] == [
        ("actor", 3.0, 0.5), ("critic", 2.0, 0.5),
    ]  # fmt: skip
    assert [(g.label, g.raw, g.applied) for g in found.gradients] == [
        ("actor", 3.0, 1.0), ("critic", 2.0, 1.0),
    ]  # fmt: skip
    assert [one.label for one in found.rates] == ["actor", "critic"]


def test_reach_against_the_window(told: Callable[..., RunStrip]) -> None:
    def write(recorder: Recorder) -> None:
        recorder.profile("reach/rnn.l0", 0, [1.0] * 30)
        recorder.profile("reach/rnn.l0", 10, [0.5**lag for lag in range(20)])
        recorder.profile("reach/rnn.l1", 10, [1.0] * 20)
        recorder.profile("reach/rnn.l2", 10, [1.0, NAN])

    first, second, third = told(write).reaches
    assert (first.label, first.iteration) == ("rnn.l0", 10)
    assert (first.horizon, first.censored, first.earlier) == (7, False, 19)  # 2^-6 > 0.01 > 2^-7
    assert (second.horizon, second.censored) == (19, True)
    assert (third.outcome, third.horizon) == ("not finite", None)


def test_more_than_six_layers_are_left_out_and_told(told: Callable[..., RunStrip]) -> None:
    def write(recorder: Recorder) -> None:
        for layer in range(40):
            recorder.profile(f"reach/rnn.l{layer}", 0, [1.0, 0.5])

    found = told(write)
    assert [one.label for one in found.reaches][::5] == ["rnn.l0", "rnn.l39"]
    assert found.left_out == ("6 of 40 layers are shown",)


def test_an_empty_run_has_nothing_to_say(told: Callable[..., RunStrip]) -> None:
    found = told(lambda recorder: None)
    assert (found.iterations, found.losses, found.gradients, found.rates, found.reaches) == (
        0, (), (), (), (),
    )  # fmt: skip
    assert (found.state, found.finding, found.problems) == ("finished", None, ())


# -- its state ---------------------------------------------------------------------------------


def test_a_run_that_is_written_then_stale_then_over(run_path: Path) -> None:
    recorder = Recorder(run_path)
    recorder.scalars(0, {"loss": 1.0})
    recorder.flush()
    run = Run(run_path)
    written = run.heartbeat
    assert written is not None
    assert strip(run, now=written + 3).state == "running"
    late = strip(run, now=written + 60)
    assert late.state == "stale"
    assert late.age is not None
    assert late.age == pytest.approx(60, abs=5)
    # The clock was set back: a writer that lives would have written by it since.
    assert (strip(run, now=written - 3).state, strip(run, now=written - 3).age) == ("running", 0.0)
    assert strip(run, now=written - 3600).state == "stale"
    recorder.close()
    assert strip(Run(run_path), now=time.time() + 60).state == "finished"


def test_a_run_that_was_interrupted_has_not_failed(run_path: Path) -> None:
    recorder = Recorder(run_path)
    recorder.scalars(0, {"loss": 1.0})
    recorder.close(end_reason="interrupted", reason="interrupted by Ctrl-C")
    assert strip(Run(run_path)).state == "interrupted"


def test_a_run_whose_writer_is_gone(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        recorder.scalars(0, {"loss": 1.0})
    info = json.loads((run_path / "run.json").read_text())
    info |= {"status": "running", "end_reason": None, "ended": None}
    info["writer"]["pid"] = 1 << 30  # no process has it
    (run_path / "run.json").write_text(json.dumps(info))
    found = strip(Run(run_path))
    assert (found.state, found.losses[0].value) == ("killed", 1.0)


# -- its finding -------------------------------------------------------------------------------


def test_the_leading_finding_with_its_first_remedy(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        recorder.series("loss", range(100), [2.0] * 99 + [NAN])
    found = diagnose(run_path)
    told = strip(Run(run_path), found).finding
    assert told is not None
    assert (told.code, told.severity, told.iteration) == ("BKS201", "error", 99)
    assert told.message == found.leads[0].findings[0].message
    assert told.remedy == found.advice[0]
    assert strip(Run(run_path)).finding is None  # nothing is judged unless it is given


def test_what_the_writer_has_told_so_far(run_path: Path) -> None:
    """A run that trains has its findings as events, and no verdict yet."""
    (finding,) = Judge().update(7, {"loss": NAN})
    recorder = Recorder(run_path)
    recorder.scalars(7, {"loss": NAN})
    recorder.event("finding", 7, finding.as_dict(), urgent=True)
    recorder.event("finding", 8, {**finding.as_dict(), "code": "BKS999"}, urgent=True)
    recorder.event("finding", 9, {"code": "BKS201"}, urgent=True)  # damaged, or made up
    recorder.flush()
    told = strip(Run(run_path)).finding
    assert told is not None
    assert (told.code, told.iteration, told.others) == ("BKS201", 7, 0)
    assert told.remedy
    recorder.close()


def test_a_verdict_of_other_rules_says_what_was_over_and_what_was_told_later_counts(
    run_path: Path,
) -> None:
    first, second = (Judge().update(at, {"loss": NAN})[0].as_dict() for at in (7, 70))
    first["code"] = "BKS302"  # a state, which may be over
    over = {**first, "last": 8, "resolved_at": 20}
    with Recorder(run_path) as recorder:
        recorder.series("loss", range(100), [1.0] * 100)
        recorder.event("finding", 7, first)
        recorder.event("diagnosis", 50, {"rules": "others", "findings": [over, {"code": "?"}]})
    found = findings_so_far(Run(run_path))
    assert [one.resolved_at for one in found.findings] == [20]
    assert found.lasting == ()
    assert strip(Run(run_path)).finding is None
    with Recorder(run_path.with_name("resumed")) as recorder:
        recorder.series("loss", range(100), [1.0] * 100)
        recorder.event("finding", 7, first)  # none in the end
        recorder.event("diagnosis", 50, {"findings": []})
        recorder.event("finding", 70, second)
    told = strip(Run(run_path.with_name("resumed"))).finding
    assert told is not None
    assert told.iteration == 70


def test_findings_so_far_keep_models_apart(run_path: Path) -> None:
    """A finding on one model is no symptom of one on another."""
    with Recorder(run_path) as recorder:
        for model in ("actor", "critic"):
            judge = Judge()
            name = f"loss/{model}"
            recorder.scalars(7, {name: NAN})
            for finding in judge.update(7, {name: NAN}):
                recorder.event("finding", 7, finding.as_dict())
    found = findings_so_far(Run(run_path))
    assert [len(one.lasting) for one in found.models] == [0, 1, 1]  # the first: signals of none


# -- what is broken ----------------------------------------------------------------------------


def test_a_damaged_signal_is_told_and_the_rest_is_read(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        recorder.series("loss", [0, 1], [2.0, 1.0])
        recorder.series("lr", [0, 1], [0.1, 0.1])
    with sqlite3.connect(run_path / "signals.db") as store:
        store.execute(
            "UPDATE chunk SET numbers = zeroblob(length(numbers)) WHERE signal = "
            "(SELECT id FROM signal WHERE name = 'loss')"
        )
    store.close()
    found = strip(Run(run_path))
    assert found.losses == ()
    assert [one.value for one in found.rates] == [0.1]
    assert len(found.problems) == 1
    assert "'loss' differs from its checksum" in found.problems[0]


def test_a_store_that_went_away_is_told_once(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        recorder.series("loss", [0, 1], [2.0, 1.0])
    run = Run(run_path)
    (run_path / "signals.db").unlink()
    found = strip(run)
    assert (found.state, found.iterations, found.losses) == ("finished", 0, ())
    assert len(found.problems) == 1


def test_it_imports_neither_torch_nor_plotly() -> None:
    """It is there in an instant."""
    code = (
        "import sys; from backsight.report import strip, RunStrip; strip; "
        "assert not {'torch', 'plotly', 'jinja2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
