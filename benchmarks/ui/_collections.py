"""The runs that the dashboard is measured on."""

import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.speed.long_runs import write_long_run, write_wide_run

__all__ = ["SHORT", "make", "write_many", "write_one_long", "write_one_wide"]

SHORT = 300
"""Iterations of each of many runs."""

DISTINCT = 40
"""Runs of many that are written; the others are copies of them, which a reader cannot tell."""


def make(folder: Path, write: Callable[[Path], None]) -> Path:
    """The folder, written whole where it is not there yet."""
    if not folder.exists():
        half = folder.with_name(f"{folder.name}-half")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        write(half)
        half.rename(folder)
    return folder


def write_many(folder: Path, runs: int) -> None:
    """So many runs of 300 iterations × 10 scalars."""
    for number in range(min(runs, DISTINCT)):
        write_long_run(folder / f"run-{number:04}", SHORT)
    for number in range(DISTINCT, runs):
        shutil.copytree(folder / f"run-{number % DISTINCT:04}", folder / f"run-{number:04}")


def write_one_long(folder: Path, iterations: int) -> None:
    """One run of so many iterations × 10 scalars."""
    write_long_run(folder / "long", iterations)


def write_one_wide(folder: Path, iterations: int) -> None:
    """One run of so many iterations × 2,000 scalars."""
    write_wide_run(folder / "wide", iterations)
