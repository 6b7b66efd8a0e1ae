"""What a run tells of itself that decides what is tried on it, and how strongly."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from backsight.diagnosis import Diagnosis, diagnose
from backsight.signals import Run

__all__ = ["Symptoms", "symptoms_of"]

FEWEST = 10
"""Gradient norms from before the trouble, below which those of the whole run are taken."""


@dataclass(frozen=True)
class Symptoms:
    """Of one run; nothing where there is none yet.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import Symptoms, remedies_for_task
        >>> plan, symptoms = remedies_for_task(MemoryEcho()), Symptoms(codes=("BKS203",), norm=0.7)
        >>> [remedy.name for remedy in plan.remedies(symptoms)][:3]
        ['lr-tenth', 'lr-fit', 'clip']
    """

    codes: tuple[str, ...] = ()
    """Findings that last, the gravest first."""
    norm: float | None = None
    """Median gradient norm while the run was healthy, to two digits; None where unknown."""
    momentum: float | None = None
    """In force at the end; None where it was not recorded."""
    iterations: int = 0
    sharpness: float | None = None
    """Along the first step that it was measured at, in limits; None where it was not recorded."""
    lr_times: float | None = None
    """How many times too high the learning rate is, as trials have told; None where they have not,
    or where none ends lower."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def symptoms_of(run: Run) -> Symptoms:
    """Diagnose a run.

    Raises:
        RunError: it cannot be read.

    Example:
        >>> from backsight.signals import Recorder, Run
        >>> from backsight.studies import symptoms_of
        >>> with Recorder("runs/mine") as recorder:
        ...     for i in range(100):
        ...         recorder.scalars(i, {"loss": 2.0 if i < 99 else float("nan"), "grad_norm": 0.5})
        >>> symptoms = symptoms_of(Run("runs/mine"))
        >>> symptoms.codes, symptoms.norm, symptoms.iterations
        (('BKS201',), 0.5, 100)
    """
    found = diagnose(run)
    momentum = run.members("momentum", profile=False)
    return Symptoms(
        codes=tuple(dict.fromkeys(finding.code for finding in found.lasting)),
        norm=_healthy_norm(run, found),
        momentum=float(run[momentum[0]][-1]) if momentum else None,
        iterations=run.iterations,
        sharpness=_sharpness(run),
    )


def _sharpness(run: Run) -> float | None:
    names = [run.members(name, profile=False) for name in ("sharpness", "sharpness_limit")]
    if not all(names):
        return None
    value, limit = (float(run[each[0]][0]) for each in names)
    return float(f"{value / limit:.3g}") if math.isfinite(value) else None


def _healthy_norm(run: Run, found: Diagnosis) -> float | None:
    """What a clip "at about its median while it was healthy" means in numbers.

    Healthy is before the first sign of instability (BKS2xx), whether it lasted or not.
    """
    names = run.members("grad_norm", profile=False)
    if not names:
        return None
    series = run.series(names[0])
    first = min(
        (f.iteration for f in found.findings if f.code.startswith("BKS2")), default=math.inf
    )
    finite = np.isfinite(series.values)
    before = series.values[finite & (series.iterations < first)]
    norms = before if len(before) >= FEWEST else series.values[finite]
    middle = float(np.median(norms.astype(np.float64))) if len(norms) else 0.0
    return float(f"{middle:.2g}") if middle > 0 else None
