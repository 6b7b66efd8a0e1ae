"""``backsight compare RUN RUN…``: several runs side by side, and where they part."""

import sys
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from backsight._printable import printable
from backsight.cli._messages import say
from backsight.cli._options import parse
from backsight.errors import SettingError

if TYPE_CHECKING:
    from backsight.report import RunComparison

__all__ = ["main"]


@dataclass(frozen=True)
class Compare:
    """Compare two to twenty runs: settings, outcomes, findings, and the first difference.

    Writes a self-contained HTML page.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="RUN"), tyro.conf.Positional]
    """The run folders; the others are compared with the first one."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The file to write; by default comparison.html beside the first run."""
    json: bool = False
    """Print the comparison as JSON; a page is then only written with --out or --open."""
    rejudge: bool = False
    """Judge the recorded signals again, even if the runs hold the verdicts reached in training."""
    open: bool = False
    """Open the page in the browser."""


def main(arguments: Sequence[str]) -> int:
    """Compare the runs, write the page and say where they part."""
    options = parse(Compare, "backsight compare", arguments)
    from backsight.report import check_runs, compare
    from backsight.signals import Run, dumps

    check_runs(options.runs)
    runs = [Run(path) for path in options.runs]
    for run in runs:
        if run.status == "running":
            raise SettingError(
                f"{run.path} is still running: compare it when it has ended, or type "
                f"backsight follow {run.path} to look at it now"
            )
    compared = compare(runs, rejudge=options.rejudge)
    if options.json:
        print(dumps(compared.as_dict(), indent=2))
    else:
        for one in compared.runs[1:]:
            if one.difference is not None:
                print(printable(f"{one.run.path}: {one.difference.message}"))
    if options.out or options.open or not options.json:
        _write(compared, options)
    return 0


def _write(compared: "RunComparison", options: Compare) -> None:
    from backsight.report import write_comparison

    beside = options.runs[0].resolve().parent / "comparison.html"
    page = write_comparison(compared, options.out or beside)
    if options.json:
        say(f"the page is {page}", sys.stderr)
    else:
        print(printable(page))
    if options.open:
        webbrowser.open(page.resolve().as_uri())
