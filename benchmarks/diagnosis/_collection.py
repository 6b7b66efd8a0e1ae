"""The labelled collection: every case with every seed, made once and kept in a folder."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks._shared.harness import worker_pool
from benchmarks.diagnosis._cases import CASES, SEEDS, Case, Half
from benchmarks.diagnosis._outcomes import HEALTHY, KINDS, facts, label, levels, when_lost
from benchmarks.diagnosis._training import Numbers, load_numbers, train

__all__ = ["Labelled", "collect", "make"]


@dataclass(frozen=True)
class Labelled:
    """A run, and what is known of it without asking any rule."""

    folder: Path
    half: str
    made_for: str
    name: str
    seed: int
    kind: str | None
    """What it is by its outcome; None where that is nothing clear: then it is left out."""
    why: str
    """Why it is not what it was made for."""
    iterations: int
    start: float
    end: float
    """The last level of the loss."""
    collapsed_at: int | None
    """From when on it was lost."""
    builds_up: bool
    also: tuple[str, ...]
    """Codes that are true beside those of its kind."""

    @property
    def healthy(self) -> bool:
        """Whether every warning is a false alarm."""
        return self.kind == HEALTHY

    @property
    def told_by(self) -> frozenset[str]:
        """Any of these codes tells what is wrong."""
        return KINDS[self.kind or HEALTHY].told_by

    @property
    def true(self) -> frozenset[str]:
        """All codes that may rightly be said of it."""
        kind = KINDS[self.kind or HEALTHY]
        return kind.told_by | kind.also | frozenset(self.also)

    @property
    def numbers(self) -> Numbers:
        """What the peers' rules read."""
        return load_numbers(self.folder)


def make(case: Case, seed: int, folder: Path) -> Labelled:
    """Train, unless it has been done, and label."""
    kept = folder / "label.json"
    if not kept.exists():
        shutil.rmtree(folder, ignore_errors=True)
        torch.set_num_threads(1)
        train(case.of(seed), seed, folder)
    numbers = load_numbers(folder)
    kind, why = label(case.made_for, numbers)
    also = case.also + (() if kind == HEALTHY else tuple(sorted(facts(numbers))))
    if case.of(seed).left_out:
        # Made so that a parameter with a gradient is moved by nobody: however well the rest
        # learns, that is no false alarm.
        also += ("BKS409",)
    one = Labelled(
        folder, case.half, case.made_for, case.name, seed, kind, why,
        len(numbers["loss"]), float(numbers["start"]), float(levels(numbers)[-1]),
        when_lost(numbers), case.builds_up, also,
    )  # fmt: skip
    kept.write_text(json.dumps(asdict(one) | {"folder": str(folder)}, indent=1))
    return one


def collect(
    cache: Path,
    *,
    quick: bool = False,
    half: Half | None = None,
    workers: int = 2,
    cases: Sequence[Case] = CASES,
) -> Iterator[Labelled]:
    """Every run, in the order of the cases; those that ``cache`` holds are not made again.

    Args:
        cache: a folder for all of them. What it holds is trusted: empty it after a change.
        quick: one seed of each case.
        half: only that one.
        workers: processes.
        cases: those to make.
    """
    todo = [
        (case.key, seed, cache / f"{case.key}-{seed}")
        for case in cases
        if half in (None, case.half)
        for seed in SEEDS[case.draw][: 1 if quick else None]
    ]
    with worker_pool(workers) as pool:
        yield from pool.map(_make, todo)


def _make(job: tuple[str, int, Path]) -> Labelled:
    key, seed, folder = job
    return make(next(case for case in CASES if case.key == key), seed, folder)
