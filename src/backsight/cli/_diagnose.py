"""``backsight diagnose RUN``: findings with evidence; the status tells of a lasting error."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from backsight.cli._options import parse
from backsight.errors import RunError, SettingError

__all__ = ["main"]


@dataclass(frozen=True)
class Diagnose:
    """Say what goes wrong in a run, with the numbers it was decided on.

    The exit status is 1 where a finding of severity error lasts, 0 otherwise, 2 where the run
    cannot be read.
    """

    run: tyro.conf.Positional[Path]
    """The run folder; it may still train."""
    json: bool = False
    """Everything as JSON, for other programs."""
    fail_on: Annotated[tuple[str, ...], tyro.conf.arg(metavar="CODE")] = ()
    """Exit with 1 on these findings instead, such as BKS101 BKS202, whatever their severity."""


def main(arguments: Sequence[str]) -> int:
    """Judge the run, print, and give the status."""
    options = parse(Diagnose, "backsight diagnose", arguments)
    from backsight.diagnosis import RULES, Tried, diagnose, read_tried, timeline
    from backsight.signals import Run, dumps

    known = {rule.code for rule in RULES}
    asked = {code.upper() for code in options.fail_on}
    if asked - known:
        raise SettingError(
            f"--fail-on expects codes of findings, not {', '.join(sorted(asked - known))}: "
            f"there are {', '.join(sorted(known))}"
        )
    run = Run(options.run)
    found = diagnose(run)
    chain = timeline(run, found)
    tried: Tried | str | None
    try:
        tried = read_tried(run.path)
    except RunError as error:  # the run itself is sound
        tried = str(error)
    if options.json:
        told = {"run": str(run.path), "status": run.status, "iterations": run.iterations}
        told |= found.as_dict() | {"timeline": None if chain is None else chain.as_dict()}
        told["remedies"] = tried.as_dict() if isinstance(tried, Tried) else _unread(tried)
        print(dumps(told, indent=2))
    else:
        from backsight.report import print_diagnosis

        print_diagnosis(run, found, chain, tried)
    lasting = found.lasting
    if asked:
        return int(any(finding.code in asked for finding in lasting))
    return int(any(finding.severity == "error" for finding in lasting))


def _unread(error: str | None) -> dict[str, Any] | None:
    """Nothing was left with the run, or it cannot be read."""
    return None if error is None else {"error": error}
