"""Real folders, made once: each is copied before it is damaged."""

import json
import math
import shutil
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from backsight.diagnosis import Tried, write_tried
from backsight.lab import MemoryEcho, train
from backsight.signals import Recorder, Run
from backsight.signals._schema import SEALED_FORMAT
from backsight.state import Checkpoints
from backsight.studies import Ended, LengthPlan, Trial, length_study, remedies_for_task
from backsight.studies import remedy_study as study_remedies

__all__ = ["SUBJECTS", "Subject", "make_subjects", "remedy_plan"]

FIXTURES = Path(__file__).parent.parent / "fixtures"

Sort = Literal["run", "length", "remedies", "map", "checkpoints"]


@dataclass(frozen=True)
class Subject:
    """A folder that is whole."""

    name: str
    path: Path
    sort: Sort
    sealed: bool = True
    """Whether its stores tell what is missing: formats 1 and 2 do not."""

    def copy(self, to: Path) -> Path:
        """Another one like it."""
        shutil.copytree(self.path, to)
        return to


def finished(path: Path) -> None:
    """A run as a script's: several chunks a signal, events, a profile that changes its width."""
    with Recorder(path, kind="run", config={"lr": 0.1, "clip": 1.0}, seed=3) as recorder:
        _record(recorder, "")


def with_findings(path: Path) -> None:
    """A run that broke: a spike, a NaN, infinite gradients, and what a study left with it."""
    with Recorder(path, kind="run", config={"facts": {"lag": 9, "baseline": 1.0}}) as recorder:
        for i in range(60):
            loss = math.nan if i >= 50 else 90.0 if i == 40 else 2.0 - i / 60
            norm = math.inf if i >= 50 else 1e6 if i == 40 else 1e-9
            recorder.scalars(i, {"loss": loss, "grad_norm": norm, "grad_norm_applied": norm})
            recorder.scalars(i, {"hidden_norm_mean/rnn": 1.0 + i, "lr": 0.1, "val_loss": loss})
            if i % 10 == 0:
                recorder.profile("reach/rnn", i, np.geomspace(1, 1e-8, 12).astype(np.float32))
                recorder.profile("grad_time/rnn", i, np.full(12, 1e-9))
                recorder.flush()
        recorder.event(
            "act", 40, {"message": "skipped a batch", "quantity": "loss", "policy": "skip"}
        )
    tried = Tried(True, "clip", "A clip helps.", "backsight train", study="runs/s", iterations=60)
    write_tried(path, tried)


def of_models(path: Path) -> None:
    """Two models in one run, told by label."""
    with Recorder(path, kind="run", config={}) as recorder:
        for model in ("actor", "critic"):
            _record(recorder, model)


def of_the_lab(path: Path) -> None:
    """What the trainer records, setup and all."""
    train(
        MemoryEcho(
            run=path, iterations=12, length=8, lag=2, hidden=4, batch=2, every=4,
            validate_every=6, validate_sequences=4, report=False, checkpoint_every=0, device="cpu",
        )
    )  # fmt: skip


def being_written(path: Path) -> None:
    """A run whose writer lives, with several commits in the journal beside the store.

    It is a copy, which stays as it is: the writer, this process, records elsewhere.
    """
    written = path.with_name("written")
    with Recorder(written, kind="run", config={"lr": 0.1}, seed=3) as recorder:
        _record(recorder, "", commit=recorder._commit)  # as its thread does; a flush would fold
        recorder._commit()
        with recorder._commit_lock:  # its thread waits meanwhile
            shutil.copytree(written, path)
    shutil.rmtree(written)
    assert Run(path).status == "running"


def killed(path: Path) -> None:
    """The same, whose writer is gone."""
    being_written(path)
    file = path / "run.json"
    writer = json.loads(file.read_text())["writer"]
    _change(file, writer={**writer, "started": "another boot"})
    assert Run(path).status == "killed"


def without_seals(path: Path) -> None:
    """A run of the lab as format 2 left it."""
    of_the_lab(path)
    with closing(sqlite3.connect(path / "signals.db")) as store, store:
        store.executescript(
            f"DROP TABLE length; DROP TABLE seal; PRAGMA user_version = {SEALED_FORMAT - 1}"
        )
    _change(path / "run.json", format=2)


def checkpoints(path: Path) -> None:
    """Two checkpoints of a few numbers."""
    kept = Checkpoints(path)
    for iteration, lr in ((10, 0.1), (20, 0.05)):
        kept.save(iteration, {"lr": lr, "order": [1, 2], "name": "rnn"}, score=1 / iteration)


def length(path: Path) -> None:
    """A length study, whose trials died, learned and found nothing."""
    length_study(LengthPlan("echo", "--length=", (8, 16), 1, ("rnn", "gru")), path, _Engine())


def remedies(path: Path) -> None:
    """A study of remedies."""
    study_remedies(remedy_plan(), path, _Engine())


def remedy_plan() -> Any:
    """Of :func:`remedies`."""
    return remedies_for_task(MemoryEcho(iterations=20, length=8, lag=2), seeds=1, only=("clip",))


class _Engine:
    """Records what a trial might have, and says that one has died."""

    workers = 1

    def run(self, trials: Sequence[Trial]) -> Generator[Ended, None, None]:
        for number, trial in enumerate(trials):
            trial.log.parent.mkdir(exist_ok=True)
            trial.log.write_text("loss 1.5\nno room on the device\n")
            with Recorder(trial.run, config={"iterations": 20, "batch": 4}) as recorder:
                _record(recorder, "")
            yield Ended(trial.name, int(number == 1), 2.0)


def _record(recorder: Recorder, model: str, commit: Callable[[], object] | None = None) -> None:
    label, layer = (f"/{model}", f"{model}.rnn") if model else ("", "rnn")
    for i in range(20):
        values = {f"loss{label}": 2 - i / 10, f"grad_norm{label}": math.nan if i == 5 else 1.0}
        recorder.scalars(i, {**values, f"hidden_norm_mean/{layer}": 1.0, f"lr{label}": 0.1})
        if i % 4 == 0:
            recorder.profile(f"reach/{layer}", i, np.geomspace(1, 0.1, 5 + i // 10))
            recorder.event("sample", i, {"text": f"text {i}", "temperature": 0.7})
            (commit or recorder.flush)()


def _change(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def of_format_1(path: Path) -> None:
    """A run as an early version left it."""
    shutil.copytree(FIXTURES / "run-with-findings", path)


def stability_map(path: Path) -> None:
    """A map of nine points in three parts."""
    shutil.copytree(FIXTURES / "stability-map", path)


MAKERS: dict[str, tuple[Sort, Callable[[Path], None]]] = {
    "finished run": ("run", finished),
    "run with findings": ("run", with_findings),
    "run of two models": ("run", of_models),
    "run of the lab": ("run", of_the_lab),
    "run of format 2": ("run", without_seals),
    "run being written": ("run", being_written),
    "killed run": ("run", killed),
    "run of format 1": ("run", of_format_1),
    "length study": ("length", length),
    "study of remedies": ("remedies", remedies),
    "map": ("map", stability_map),
    "checkpoints": ("checkpoints", checkpoints),
}

UNSEALED = ("run of format 1", "run of format 2")
"""Their stores do not tell what is missing."""

SUBJECTS = tuple(MAKERS)


def make_subjects(root: Path, names: Sequence[str] = SUBJECTS) -> dict[str, Subject]:
    """Those of these names, each alone in a folder of ``root``."""
    made: dict[str, Subject] = {}
    for name in names:
        path = root / name.replace(" ", "-") / "whole"
        path.parent.mkdir(parents=True)
        sort, make = MAKERS[name]
        make(path)
        made[name] = Subject(name, path, sort, sealed=name not in UNSEALED)
    return made
