"""CSV: a folder of three tables that every spreadsheet and language opens. Needs no package."""

import csv
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from backsight.integrations.export._parts import column_names, columns, rows, scalar_names
from backsight.signals import Run, dumps, replacing, spell

__all__ = ["FILES", "write_csv"]

FILES = ("scalars.csv", "profiles.csv", "events.csv")


def write_csv(run: Run, folder: Path) -> list[Path]:
    """Write the tables of a run.

    An empty cell was not recorded; a number that is not finite is ``NaN``, ``Infinity`` or
    ``-Infinity``. Numbers have as many digits as it takes to read back the same bits.

    Args:
        run: the run.
        folder: where the files go.

    Returns:
        the files.

    Raises:
        OSError: a file cannot be written.
        RunError: the run is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = scalar_names(run)
    tables: tuple[tuple[list[str], Iterable[list[Any]]], ...] = (
        (["iteration", *column_names(names)], _scalars(run, names)),
        (["signal", "iteration", "step", "value"], _profiles(run)),
        (["iteration", "time", "kind", "body"], _events(run)),
    )
    for file, (header, lines) in zip(FILES, tables, strict=True):
        with (
            replacing(folder / file) as half,
            half.open("w", newline="", encoding="utf-8", errors="backslashreplace") as stream,
        ):
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(lines)
    return [folder / file for file in FILES]


def _scalars(run: Run, names: list[str]) -> Iterator[list[Any]]:
    for index, found in columns(run, names):
        texts = [
            ["" if gone else _text(value) for value, gone in zip(v.tolist(), a, strict=True)]
            for v, a in found
        ]
        for iteration, *cells in zip(index.tolist(), *texts, strict=True):
            yield [iteration, *cells]


def _profiles(run: Run) -> Iterator[list[Any]]:
    for name, iterations, values in rows(run):
        for iteration, row in zip(iterations.tolist(), values.tolist(), strict=True):
            for step, value in enumerate(row):
                yield [name, iteration, step, _text(value)]


def _events(run: Run) -> Iterator[list[Any]]:
    for event in run.events():
        yield [event.iteration, repr(event.time), event.kind, dumps(event.body)]


def _text(value: float) -> str:
    return repr(value) if math.isfinite(value) else spell(value)
