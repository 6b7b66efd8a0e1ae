"""``backsight report RUN``: one self-contained HTML page."""

import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Optional

import tyro

from backsight._printable import printable
from backsight.cli._diagnose import codes, codes_of_project
from backsight.cli._options import FindingCodes, parse

__all__ = ["main"]


@dataclass(frozen=True)
class Report:
    """Write a self-contained HTML page about a run."""

    run: tyro.conf.Positional[Path]
    """The run folder."""
    out: Annotated[Optional[Path], tyro.conf.arg(aliases=["-o"])] = None
    """The file to write; by default report.html in the run folder."""
    rejudge: bool = False
    """Judge the recorded signals again, even if the run holds the verdict reached in training."""
    light: bool = False
    """Leave the script that draws the figures (5 MB) out of the page, and write it beside it."""
    open: bool = False
    """Open the page in the browser."""
    ignore: FindingCodes = None
    """Leave out the findings with these codes, and those that [tool.backsight] in pyproject.toml
    names under ignore."""


def main(arguments: Sequence[str]) -> int:
    """Write the page and print its path."""
    options = parse(Report, "backsight report", arguments)
    from backsight.report import write_report

    page = write_report(
        options.run, options.out, rejudge=options.rejudge, light=options.light,
        ignored=codes("--ignore", options.ignore) | codes_of_project()[1],
    )  # fmt: skip
    print(printable(page))
    if options.open:
        webbrowser.open(page.resolve().as_uri())
    return 0
