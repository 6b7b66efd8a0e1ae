"""``backsight follow``: the strip on a terminal, and line by line."""

import io
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from backsight.cli import main
from backsight.cli._follow import PATIENCE
from backsight.report import StripView, strip, strip_line, strip_rows
from backsight.signals import Recorder, Run

NAN = math.nan
Step = Callable[[], object]


@pytest.fixture
def sleeping(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[float]]:
    """What happens while the command waits, step by step; and how long it waited each time."""

    def script(*steps: Step) -> list[float]:
        waited: list[float] = []
        left: Iterator[Step] = iter(steps)

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            next(left)()

        monkeypatch.setattr("backsight.cli._follow.time.sleep", sleep)
        return waited

    return script


def rows(run: Run) -> dict[str, tuple[str, str]]:
    return {row.what: (row.words, row.tone) for row in strip_rows(strip(run))}


# -- the words ---------------------------------------------------------------------------------


def test_every_question_has_a_row(run_path: Path) -> None:
    with Recorder(run_path, config={"facts": {"baseline": 2.0}}) as recorder:
        for i in range(4):
            recorder.scalars(i, {"loss": 1.0, "lr": 0.01, "grad_norm": 8.0})
            recorder.scalars(i, {"grad_norm_applied": 1.0})
        recorder.profile("reach/rnn.l0", 3, [0.5**lag for lag in range(20)])
        recorder.profile("reach/rnn.l1", 3, [1.0, 1.0])
    told = rows(Run(run_path))
    assert told["state"][0].startswith("finished, 4 iterations, last written 0 s ago")
    assert told["loss"] == (
        "1 at iteration 3; the median of the last 4 is 1: 50 % below the guess (2)", "good",
    )  # fmt: skip
    assert told["gradient norm"] == ("8 at iteration 3, 1 as applied", "plain")
    assert told["learning rate"] == ("0.01", "plain")
    assert told["reach rnn.l0"] == ("7 of 19 earlier steps (iteration 3)", "plain")
    assert told["reach rnn.l1"][0] == "at least 1 of 1 earlier step (iteration 3)"
    line = strip_line(strip(Run(run_path)))
    assert "loss 1 (50 % below the guess)" in line
    assert "gradient norm 8, applied 1" in line


def test_what_is_not_finite_never_looks_well(run_path: Path) -> None:
    with Recorder(run_path, config={"facts": {"baseline": 2.0}}) as recorder:
        recorder.series("loss", [0, 1], [1.0, NAN])
        recorder.series("grad_norm", [0, 1], [math.inf, 1.0])
        recorder.scalars(1, {"lr": NAN})
        recorder.profile("reach/rnn.l0", 1, [1.0, NAN])
    told = rows(Run(run_path))
    assert told["loss"][0] == (
        "NaN at iteration 1, 1 not finite so far; the median of the 1 finite ones of the last 2 is "
        "1: not to be compared with the guess (2)"
    )
    assert "1 not finite so far" in told["gradient norm"][0]
    assert {
        told[what][1] for what in ("loss", "gradient norm", "learning rate", "reach rnn.l0")
    } == {"alarm"}


def test_a_loss_at_the_guess_is_no_success(run_path: Path) -> None:
    """Within the 3 % that BKS302 asks for."""
    with Recorder(run_path, config={"facts": {"baseline": 1.0}}) as recorder:
        recorder.series("loss", [0, 1], [0.98, 0.98])
    words, tone = rows(Run(run_path))["loss"]
    assert (words.partition(": ")[2], tone) == ("2 % below the guess (1)", "warning")


@pytest.mark.parametrize("width", [40, 140])
def test_a_picture_of_any_width_is_whole(run_path: Path, width: int) -> None:
    """Curves are drawn where there is room for them; a value that is not finite is a cross."""
    with Recorder(run_path) as recorder:
        recorder.series("loss", range(64), [1e308, *[1.0] * 31, NAN, *[-1e308] * 31])
        recorder.profile("reach/\x1b[31mred", 0, [1.0, 0.5])
    said = io.StringIO()
    Console(file=said, width=width).print(StripView(strip(Run(run_path))))
    lines = said.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert "\x1b" not in said.getvalue()
    assert ("█" in said.getvalue(), "×" in said.getvalue()) == (width > 100, width > 100)


# -- the command -------------------------------------------------------------------------------


def test_it_follows_a_run_to_its_end(
    run_path: Path, sleeping: Callable[..., list[float]], capsys: pytest.CaptureFixture[str]
) -> None:
    """A line per change, without control codes; the status is that of diagnose."""
    recorder = Recorder(run_path)

    def record(iteration: int, loss: float) -> Step:
        def step() -> None:
            recorder.scalars(iteration, {"loss": loss})
            recorder.flush()

        return step

    record(0, 3.0)()
    waited = sleeping(record(1, 2.0), lambda: None, record(2, NAN), recorder.close)
    assert main(["follow", str(run_path), "--every", "0.5"]) == 1
    assert waited == [0.5] * 4
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[:3] for line in lines] == [
        ["running", "1 iterations", "loss 3"],
        ["running", "2 iterations", "loss 2"],
        ["running", "3 iterations", "loss NaN"],
        ["finished", "3 iterations", "loss NaN"],
    ]
    assert "BKS201" in lines[-1]
    assert not any("\x1b" in line for line in lines)


def test_on_a_terminal_it_redraws(
    run_path: Path,
    sleeping: Callable[..., list[float]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    recorder = Recorder(run_path)
    recorder.scalars(0, {"loss": 3.0})
    recorder.flush()
    sleeping(recorder.close)
    assert main(["follow", str(run_path)]) == 0
    said = capsys.readouterr().out
    assert "running, 1 iterations" in said
    assert "\x1b[1A" in said  # up again, over what was drawn
    assert "finished, 1 iterations" in said


def test_once_shows_a_run_that_trains_and_ends(
    run_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = Recorder(run_path)
    recorder.series("loss", range(100), [2.0] * 99 + [NAN])
    recorder.flush()
    assert main(["follow", str(run_path), "--once"]) == 1  # judged now: nobody has told
    said = capsys.readouterr().out
    assert "running, 100 iterations" in said
    assert "BKS201" in said
    recorder.close()


def test_a_failed_run_gives_1(run_path: Path) -> None:
    recorder = Recorder(run_path)
    recorder.close("failed", "the disk is full")
    assert main(["follow", str(run_path)]) == 1


def test_codes_that_the_project_ignores_are_ignored(
    run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with Recorder(run_path) as recorder:
        recorder.series("loss", range(100), [2.0] * 99 + [NAN])
    (tmp_path / "pyproject.toml").write_text('[tool.backsight]\nignore = ["BKS201"]\n')
    monkeypatch.chdir(tmp_path)
    assert main(["follow", str(run_path)]) == 0
    assert "BKS201" not in capsys.readouterr().out


def test_ctrl_c_gives_130(run_path: Path, sleeping: Callable[..., list[float]]) -> None:
    recorder = Recorder(run_path)
    recorder.scalars(0, {"loss": 3.0})
    recorder.flush()

    def interrupt() -> None:
        raise KeyboardInterrupt

    sleeping(interrupt)
    assert main(["follow", str(run_path)]) == 130
    recorder.close()


# -- bad input ---------------------------------------------------------------------------------


def test_what_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for name, words in (("absent", "absent"), ("empty", "is not a run folder")):
        assert main(["follow", str(tmp_path / name)]) == 2
        said = capsys.readouterr()
        assert words in said.err
        assert said.err.count("\n") == 1
        assert not said.out


@pytest.mark.parametrize("every", ["0", "-1", "nan", "inf"])
def test_no_time_between_two_looks(
    small_run: Run, every: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["follow", str(small_run.path), f"--every={every}"]) == 2
    assert "--every must be a number of seconds above 0" in capsys.readouterr().err


def test_a_run_that_is_deleted(
    run_path: Path, sleeping: Callable[..., list[float]], capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = Recorder(run_path)
    recorder.scalars(0, {"loss": 3.0})
    recorder.flush()
    sleeping(lambda: shutil.rmtree(run_path))
    assert main(["follow", str(run_path)]) == 2
    assert "it was deleted or moved while it was followed" in capsys.readouterr().err
    recorder.close()


def test_a_run_that_is_being_copied_is_waited_for(
    run_path: Path, sleeping: Callable[..., list[float]], capsys: pytest.CaptureFixture[str]
) -> None:
    """For a few looks; then it is an error."""
    recorder = Recorder(run_path)
    recorder.scalars(0, {"loss": 3.0})
    recorder.flush()
    whole = (run_path / "run.json").read_bytes()

    def cut() -> None:
        (run_path / "run.json").write_bytes(whole[:20])

    def restore() -> None:
        (run_path / "run.json").write_bytes(whole)

    sleeping(cut, restore, recorder.close)
    assert main(["follow", str(run_path)]) == 0
    again = Recorder(run_path.with_name("again"))
    again.flush()
    whole = (run_path.with_name("again") / "run.json").read_bytes()
    broken = run_path.with_name("again") / "run.json"
    waited = sleeping(lambda: broken.write_bytes(b"{"), *[lambda: None] * PATIENCE)
    capsys.readouterr()
    assert main(["follow", str(broken.parent)]) == 2
    assert len(waited) == 1 + PATIENCE
    assert "run.json" in capsys.readouterr().err
    broken.write_bytes(whole)
    again.close()
