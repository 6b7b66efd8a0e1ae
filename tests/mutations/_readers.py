"""Everything that reads a folder, called in this process, and what each of them said."""

import io
import json
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from backsight.cli import main
from backsight.diagnosis import first_difference
from backsight.errors import RunError
from backsight.report import strip, strip_line, write_report
from backsight.signals import Profile, Run, dumps, list_runs
from backsight.signals._store import Store
from backsight.state import load_checkpoint
from backsight.studies import (
    Ended,
    LengthPlan,
    Trial,
    length_study,
    print_length_study,
    print_remedy_study,
    print_stability_map,
    read_length_study,
    read_map,
    read_remedy_study,
    remedy_study,
    run_map,
    write_length_page,
    write_remedy_page,
    write_stability_map_page,
)
from tests.mutations._subjects import Subject, remedy_plan

__all__ = ["Content", "contents", "readers"]

Content = dict[str, Any]
"""What a folder holds, by the name of its part: bytes of signals, events, rows of a study."""


def signals(path: Path) -> Content:
    """All signals and events of a run, bit for bit, by each way to read them."""
    run = Run(path)
    found: Content = {"status": run.status, "iterations": run.iterations}
    run.heartbeat, run.duration, run.age, run.end_reason, repr(run)
    whole = run.read(run.names)
    for name, signal in whole.items():
        alone = run[name]
        if isinstance(signal, Profile):
            rows = [(row.dtype.str, row.tobytes()) for row in signal.rows]
            assert np.ma.allequal(alone, signal.table(), fill_value=True)
        else:
            rows = [(signal.values.dtype.str, signal.values.tobytes())]
            assert alone.tobytes() == signal.values.tobytes()
            assert run.last(name)[0] == signal.iterations[-1]
        found[f"signal {name}"] = signal.iterations.tobytes(), rows
    found["events"] = [(e.iteration, e.time, e.kind, dumps(e.body)) for e in run.events()]
    frame = run.to_pandas()
    assert set(frame.columns) == {n for n in whole if not isinstance(whole[n], Profile)}
    return found


def runs_around(path: Path) -> Content:
    """What ``list_runs`` says of the folder that holds a run; it says so of any."""
    found, complaints = list_runs(path.parent)
    return {"names": [run.name for run in found], "complaints": [str(one) for one in complaints]}


def command(*words: str | Path) -> Content:
    """What a command prints.

    Raises:
        RunError: it refuses, in one sentence.
    """
    with _quiet() as (out, err):
        status = main([str(word) for word in words])
    if status == 2:
        lines = err.getvalue().splitlines()
        assert lines, "it fails without a word"
        assert all(line.startswith("backsight: ") and len(line) < 2000 for line in lines), lines
        raise RunError(lines[0])
    if "--json" not in words:
        return {}
    told = json.loads(out.getvalue())
    for row in told if isinstance(told, list) else [told]:
        for name in ("run", "name", "path", "age"):  # of this copy
            row.pop(name, None)
    return {"told": dumps(told)}


def page(path: Path) -> Content:
    """The page of a run; it says that it was written."""
    assert write_report(path, path.parent / "page.html").stat().st_size > 1000
    return {}


def at_a_glance(path: Path) -> Content:
    """The strip, in which what cannot be read is a sentence; it judges nothing and shows it."""
    told = strip(Run(path))
    assert all(len(sentence) < 2000 for sentence in told.problems)
    json.loads(dumps(told.as_dict()))
    assert strip_line(told)
    return {}


def beside_itself(path: Path) -> Content:
    """A run that can be read does not differ from itself."""
    assert first_difference(Run(path), Run(path)).exact is None
    return {}


def opened_to_write(path: Path) -> Content:
    """As a run that is resumed opens its store."""
    Store(path / "signals.db", new=False).close()
    return {}


def length_rows(path: Path) -> Content:
    """Rows and verdicts of a length study, with its page; nothing is trained."""
    plan = LengthPlan("echo", "--length=", (8, 16), 1, ("rnn", "gru"))
    study = read_length_study(plan, path)
    with _quiet():
        print_length_study(study)
    write_length_page(study)
    return {f"row {t.cell} {t.length}": dumps(t.as_dict()) for t in study.trials}


def length_goes_on(path: Path) -> Content:
    """The study that goes on, with an engine whose trials all die."""
    plan = LengthPlan("echo", "--length=", (8, 16), 1, ("rnn", "gru"))
    length_study(plan, _copied(path), _Refusing())
    return {}


def remedy_rows(path: Path) -> Content:
    """The same of a study of remedies."""
    study = read_remedy_study(remedy_plan(), path)
    with _quiet():
        print_remedy_study(study)
    write_remedy_page(study)
    return {f"row {t.remedy} {t.seed}": dumps(t.as_dict()) for t in study.trials}


def remedies_go_on(path: Path) -> Content:
    """The study that goes on."""
    remedy_study(remedy_plan(), _copied(path), _Refusing())
    return {}


def map_points(path: Path) -> Content:
    """Outcomes and numbers of a map, point by point, with its page."""
    found = read_map(path)
    with _quiet():
        print_stability_map(found)
    write_stability_map_page(found)
    return {
        f"row {place}": None
        if outcome < 0
        else (int(outcome), *(t[place].tobytes() for t in (found.loss, found.growth)))
        for place, outcome in np.ndenumerate(found.outcomes)
    }


def map_goes_on(path: Path) -> Content:
    """The map that goes on."""
    run_map(read_map(path).plan, _copied(path), engine=_Refusing())
    return {}


def checkpoint(path: Path) -> Content:
    """The newest checkpoint of a folder."""
    found = load_checkpoint(path / "iteration-000000020.ckpt")
    return {"checkpoint": (found.iteration, found.score, found.state)}


Reader = Callable[[Path], Content]

OF_RUNS: dict[str, Reader] = {
    "Run": signals,
    "list_runs": runs_around,
    "runs": lambda path: command("runs", path.parent, "--json", "--all"),
    "runs, a table": lambda path: command("runs", path.parent, "--all"),
    "diagnose": lambda path: command("diagnose", path, "--json"),
    "diagnose, in words": lambda path: command("diagnose", path),
    "report": page,
    "strip": at_a_glance,
    "first difference": beside_itself,
    "resume": opened_to_write,  # the last one, since it folds the journal
}
OF_STUDIES: dict[str, dict[str, Reader]] = {
    "length": {"study": length_rows, "goes on": length_goes_on},
    "remedies": {"study": remedy_rows, "goes on": remedies_go_on},
    "map": {"study": map_points, "goes on": map_goes_on},
    "checkpoints": {"checkpoint": checkpoint},
}


def readers(subject: Subject) -> dict[str, Reader]:
    """All that read such a folder, by name; the first one tells what it holds."""
    return OF_RUNS if subject.sort == "run" else OF_STUDIES[subject.sort]


def contents(subject: Subject) -> dict[str, Content]:
    """What every reader says of a folder that is whole; of a copy, as some readers change it."""
    copy = subject.path.parent / "read" / "case"
    copy.parent.mkdir()
    subject.copy(copy)
    found = {name: read(copy) for name, read in readers(subject).items()}
    shutil.rmtree(copy.parent)
    return found


class _Refusing:
    """An engine whose trials die at once."""

    workers = 1

    def run(self, trials: Sequence[Trial]) -> Generator[Ended, None, None]:
        for trial in trials:
            yield Ended(trial.name, 1, 0.0)


def _copied(path: Path) -> Path:
    """What goes on with a study changes it."""
    if not path.is_dir():
        return path
    copy = path.with_name("goes on")
    shutil.rmtree(copy, ignore_errors=True)
    return Path(shutil.copytree(path, copy, symlinks=True, ignore=_irregular))


def _irregular(folder: str, names: list[str]) -> list[str]:
    """What ``copytree`` would wait for."""
    kept = [Path(folder) / name for name in names]
    return [p.name for p in kept if not (p.is_symlink() or p.is_file() or p.is_dir())]


@contextmanager
def _quiet() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), patch("webbrowser.open"):
        yield out, err
