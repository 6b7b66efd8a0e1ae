"""Several runs side by side, as plain data: settings, outcomes, findings, the first difference."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backsight.diagnosis import Diagnosis, FirstDifference, diagnose, first_difference
from backsight.errors import SettingError
from backsight.report._settings_table import DifferingSetting, differing_settings, labels_of
from backsight.report._strip import strip
from backsight.report._strip_data import RunStrip
from backsight.signals import Run

__all__ = ["ComparedRun", "FindingRow", "RunComparison", "check_runs", "compare"]

MOST_RUNS = 20
"""More lines than that cannot be told apart."""


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One of the runs.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import compare
        >>> for name, rate in (("one", 0.1), ("two", 0.2)):
        ...     Recorder(f"runs/{name}", config={"lr": rate}).close()
        >>> [run.label for run in compare([Run("runs/one"), Run("runs/two")]).runs]
        ['lr=0.1', 'lr=0.2']
    """

    run: Run
    label: str
    """What tells it from the others."""
    strip: RunStrip
    diagnosis: Diagnosis
    difference: FirstDifference | None
    """From the first run; None for the first run itself."""


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding that not all runs have.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import compare
        >>> for name, loss in (("one", 1.0), ("two", float("nan"))):
        ...     with Recorder(f"runs/{name}") as recorder:
        ...         recorder.scalars(0, {"loss": loss})
        >>> (row,) = compare([Run("runs/one"), Run("runs/two")]).findings
        >>> row.code, row.iterations
        ('BKS201', (None, 0))
    """

    code: str
    title: str
    iterations: tuple[int | None, ...]
    """By run, when it was first seen; None where it does not last, or was never there."""


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Several runs side by side.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import compare
        >>> for name, loss in (("one", 1.0), ("two", 2.0)):
        ...     with Recorder(f"runs/{name}") as recorder:
        ...         recorder.scalars(0, {"loss": loss})
        >>> compared = compare([Run("runs/one"), Run("runs/two")])
        >>> compared.settings, compared.findings, compared.runs[1].difference.exact.name
        ((), (), 'loss')
    """

    runs: tuple[ComparedRun, ...]
    settings: tuple[DifferingSetting, ...]
    findings: tuple[FindingRow, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``."""
        return {
            "runs": [_plain(one) for one in self.runs],
            "settings": [
                {"name": one.name, "values": list(one.values), "environment": one.environment}
                for one in self.settings
            ],
            "findings": [
                {"code": one.code, "title": one.title, "iterations": list(one.iterations)}
                for one in self.findings
            ],
        }


def check_runs(paths: Sequence[Path]) -> None:
    """See that so many runs can be compared, each given once.

    Raises:
        SettingError: fewer than two, more than twenty, or one twice.

    Example:
        >>> from pathlib import Path
        >>> from backsight.errors import SettingError
        >>> from backsight.report import check_runs
        >>> try:
        ...     check_runs([Path("runs/one")])
        ... except SettingError as error:
        ...     print(error)
        a comparison takes 2 to 20 runs, not 1 run
    """
    if not 2 <= len(paths) <= MOST_RUNS:
        count = f"{len(paths)} run{'s' * (len(paths) != 1)}"
        raise SettingError(f"a comparison takes 2 to {MOST_RUNS} runs, not {count}")
    seen = set()
    for path in paths:
        place = path.resolve()
        if place in seen:
            raise SettingError(f"{path} is given twice: a run is not compared with itself")
        seen.add(place)


def compare(runs: Sequence[Run], *, rejudge: bool = False) -> RunComparison:
    """Two to twenty runs side by side; the first is what the others are compared with.

    Args:
        runs: which ones.
        rejudge: judge the recorded signals again, whatever verdict the runs hold.

    Raises:
        SettingError: fewer than two runs, more than twenty, or one twice.
        RunError: a run is damaged.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import compare
        >>> for name, loss in (("one", 1.0), ("two", 2.0)):
        ...     with Recorder(f"runs/{name}") as recorder:
        ...         recorder.scalars(0, {"loss": loss})
        >>> compare([Run("runs/one"), Run("runs/two")]).runs[1].difference.exact.name
        'loss'
    """
    check_runs([run.path for run in runs])
    settings = differing_settings(runs)
    labels = labels_of(runs, settings)
    compared = []
    for run, label in zip(runs, labels, strict=True):
        found = diagnose(run, rejudge=rejudge)
        difference = first_difference(runs[0], run) if run is not runs[0] else None
        compared.append(ComparedRun(run, label, strip(run, found), found, difference))
    return RunComparison(tuple(compared), settings, _findings(compared))


def _findings(compared: Sequence[ComparedRun]) -> tuple[FindingRow, ...]:
    """Those of which the runs differ in whether they have them, in the order of their codes."""
    titles: dict[str, str] = {}
    first: list[dict[str, int]] = []
    for one in compared:
        seen: dict[str, int] = {}
        for finding in one.diagnosis.lasting:
            titles[finding.code] = finding.title
            seen[finding.code] = min(finding.iteration, seen.get(finding.code, finding.iteration))
        first.append(seen)
    return tuple(
        FindingRow(code, titles[code], tuple(seen.get(code) for seen in first))
        for code in sorted(titles)
        if not all(code in seen for seen in first)
    )


def _plain(one: ComparedRun) -> dict[str, Any]:
    told, run = one.strip, one.run
    loss = told.losses[0] if len(told.losses) == 1 else None
    validated = run.members("val_loss", profile=False) == ("val_loss",)
    return {
        "name": run.name,
        "path": str(run.path),
        "label": one.label,
        "status": run.status,
        "end_reason": run.end_reason,
        "iterations": told.iterations,
        "duration": run.duration,
        "loss": None if loss is None else loss.value,
        "recent_loss": None if loss is None else loss.recent,
        "guess": None if loss is None else loss.guess,
        "val_loss": run.last("val_loss")[1] if validated else None,
        "reach": [
            {
                "layer": reach.label,
                "outcome": reach.outcome,
                "horizon": reach.horizon,
                "censored": reach.censored,
                "earlier": reach.earlier,
            }
            for reach in told.reaches
        ],
        "has_errors": one.diagnosis.has_errors,
        "findings": sorted({finding.code for finding in one.diagnosis.lasting}),
        "difference": None if one.difference is None else one.difference.as_dict(),
    }
