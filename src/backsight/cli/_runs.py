"""``backsight runs [DIR]``: lists runs with their status."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from backsight._printable import printable
from backsight.cli._messages import say
from backsight.cli._options import parse
from backsight.errors import RunError

__all__ = ["main"]


@dataclass(frozen=True)
class Runs:
    """List runs, oldest first."""

    folder: tyro.conf.Positional[Path] = Path("runs")
    """The folder that contains the runs."""
    all: bool = False
    """List each training of a script that trains several times; by default they share one line."""
    json: bool = False
    """Print the runs as a JSON list of objects; a NaN is the string "NaN"."""


def main(arguments: Sequence[str]) -> int:
    """Print the list; folders that only look like runs are named on standard error."""
    options = parse(Runs, "backsight runs", arguments)
    from backsight.signals import dumps, list_runs

    runs, broken = list_runs(options.folder)
    rows = []
    for run in runs:
        try:
            rows.append(_row(run))
        except RunError as error:
            broken.append(error)
    for complaint in broken:
        say(str(complaint), sys.stderr)
    if options.json:
        print(dumps(rows, indent=2))
    elif rows:
        _table(rows if options.all else _folded(rows))
    else:
        print(f"no runs in {printable(options.folder)}: make one with backsight train chars")
    return 2 if broken else 0


def _row(run: Any) -> dict[str, Any]:
    return {
        "name": run.name,
        "status": run.status,
        "end_reason": run.end_reason,
        "iterations": run.iterations,
        "loss": run.last("loss")[1] if "loss" in run else None,
        "val_loss": run.last("val_loss")[1] if "val_loss" in run else None,
        "age": run.age,
        "path": run.path,
        "group": _group(run),
    }


def _group(run: Any) -> str | None:
    """What the trainings of one call of a script share; None for any other run."""
    config = run.info.get("config")
    group = config.get("group") if isinstance(config, dict) else None
    return group if isinstance(group, str) else None


def _folded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The trainings of one call of a script as one row: how many there are, and the newest."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["group"] or str(row["path"]), []).append(row)
    folded = []
    for members in groups.values():
        row, count = members[-1], len(members)
        if count > 1:
            failed = sum(one["status"] not in ("finished", "running") for one in members)
            row = {
                **row,
                "name": f"{members[0]['name']} … {row['name']} ({count} trainings)",
                "status": f"{failed} of {count} failed" if failed else row["status"],
                "iterations": sum(one["iterations"] for one in members),
            }
        folded.append(row)
    return folded


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from backsight.report import duration, number, terminal_text

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("run", no_wrap=True)
    table.add_column("status")
    for heading in ("iterations", "loss", "val. loss", "age"):
        table.add_column(heading, justify="right")
    colours = {"finished": "green", "running": "blue"}
    for row in rows:
        losses = ("–" if row[k] is None else number(row[k]) for k in ("loss", "val_loss"))
        status = Text(row["status"], colours.get(row["status"], "red"))
        name, age = terminal_text(row["name"], keep=""), duration(row["age"])
        table.add_row(name, status, f"{row['iterations']:,}", *losses, age)
    Console().print(table)
