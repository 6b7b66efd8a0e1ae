"""``backsight diagnose RUN``: findings with evidence; the exit status reports what failed."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from backsight.cli._options import FindingCodes, parse
from backsight.cli._project import Project, project_settings
from backsight.errors import RunError, SettingError

if TYPE_CHECKING:
    from backsight.diagnosis import Diagnosis
    from backsight.signals import Run

__all__ = ["codes", "codes_of_project", "exit_status", "main"]


@dataclass(frozen=True)
class Diagnose:
    """Show what goes wrong in a run, with the evidence for each finding.

    The exit status is 1 if an error lasts or the run failed, 2 if the run cannot be read, else 0.
    """

    run: tyro.conf.Positional[Path]
    """The run folder; the run may still be training."""
    json: bool = False
    """Print the diagnosis as JSON."""
    rejudge: bool = False
    """Judge the recorded signals again, even if the run holds the verdict reached in training."""
    fail_on: FindingCodes = None
    """Exit with status 1 on these codes only, whatever their severity, such as BKS101 BKS202."""
    ignore: FindingCodes = None
    """Leave out the findings with these codes. [tool.backsight] in pyproject.toml may name codes
    under ignore and fail-on as well."""


def main(arguments: Sequence[str]) -> int:
    """Judge the run, print the diagnosis, and return the exit status."""
    options = parse(Diagnose, "backsight diagnose", arguments)
    from backsight.diagnosis import Tried, diagnose, read_tried, timeline
    from backsight.signals import Run, dumps

    of_project = codes_of_project()
    asked = codes("--fail-on", options.fail_on) or of_project[0]
    ignored = codes("--ignore", options.ignore) | of_project[1]
    run = Run(options.run)
    found = diagnose(run, rejudge=options.rejudge).without(ignored)
    chain = timeline(run, found)
    tried: Tried | str | None
    try:
        tried = read_tried(run.path)
    except RunError as error:  # the run itself is sound
        tried = str(error)
    if options.json:
        told = {"run": str(run.path), "status": run.status, "iterations": run.iterations}
        told |= {"end_reason": run.end_reason, "reason": run.reason, "ignored": sorted(ignored)}
        told |= found.as_dict() | {"timeline": None if chain is None else chain.as_dict()}
        told["remedies"] = tried.as_dict() if isinstance(tried, Tried) else _unread(tried)
        print(dumps(told, indent=2))
    else:
        from backsight.report import print_diagnosis

        print_diagnosis(run, found, chain, tried, ignored=sorted(ignored))
    return exit_status(run, found, asked)


def codes_of_project() -> tuple[set[str], set[str]]:
    """What ``[tool.backsight]`` says of this folder: codes to fail on, and codes to leave out.

    Raises:
        SettingError: it cannot be read, or names a code that does not exist.
    """
    project = project_settings()
    asked = _of_project(project, "fail-on", project.fail_on)
    return asked, _of_project(project, "ignore", project.ignore)


def exit_status(run: "Run", found: "Diagnosis", asked: Collection[str]) -> int:
    """1 if an error lasts or the run failed; if codes were named, if any of those lasts."""
    if asked:
        return int(any(finding.code in asked for finding in found.lasting))
    return int(found.has_errors or run.failed)


def codes(option: str, given: Iterable[str] | None) -> set[str]:
    """The codes that an option names, in capitals.

    Raises:
        SettingError: there is no such code.
    """
    from backsight.diagnosis import RULES

    known = {rule.code for rule in RULES}
    named = {code.upper() for code in given or ()}
    if named - known:
        raise SettingError(
            f"{option} expects codes of findings, not {', '.join(sorted(named - known))}: "
            f"choose from {', '.join(sorted(known))}"
        )
    return named


def _of_project(project: Project, key: str, given: Iterable[str]) -> set[str]:
    return codes(f"{project.path}: {key} in [tool.backsight]", given)


def _unread(error: str | None) -> dict[str, Any] | None:
    """The run has no remedies.json, or it cannot be read."""
    return None if error is None else {"error": error}
