"""``backsight diagnose RUN``: findings with evidence; the exit status reports a lasting error."""

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
    """Show what goes wrong in a run, with the evidence for each finding.

    The exit status is 1 if an error lasts, 2 if the run cannot be read, else 0.
    """

    run: tyro.conf.Positional[Path]
    """The run folder; the run may still be training."""
    json: bool = False
    """Print the diagnosis as JSON."""
    rejudge: bool = False
    """Judge the recorded signals again, even if the run holds the verdict reached in training."""
    fail_on: Annotated[tuple[str, ...], tyro.conf.arg(metavar="CODE")] = ()
    """Exit with status 1 on these codes only, whatever their severity, such as BKS101 BKS202."""


def main(arguments: Sequence[str]) -> int:
    """Judge the run, print the diagnosis, and return the exit status."""
    options = parse(Diagnose, "backsight diagnose", arguments)
    from backsight.diagnosis import RULES, Tried, diagnose, read_tried, timeline
    from backsight.signals import Run, dumps

    known = {rule.code for rule in RULES}
    asked = {code.upper() for code in options.fail_on}
    if asked - known:
        raise SettingError(
            f"--fail-on expects codes of findings, not {', '.join(sorted(asked - known))}: "
            f"choose from {', '.join(sorted(known))}"
        )
    run = Run(options.run)
    found = diagnose(run, rejudge=options.rejudge)
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
    """The run has no remedies.json, or it cannot be read."""
    return None if error is None else {"error": error}
