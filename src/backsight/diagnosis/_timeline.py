"""A run that failed: which signal changed first, in iterations before the failure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis._diagnose import diagnose
from backsight.diagnosis._judge import Diagnosis
from backsight.diagnosis._robust import SIGMA
from backsight.signals import Run, Series, describe, family, member

__all__ = ["Move", "Timeline", "timeline"]

FAMILIES = (
    "input_spread",
    "spectral_radius",
    "growth_rate",
    "saturation",
    "hidden_norm_mean",
    "grad_norm",
    "update_ratio",
    "loss",
)
"""Signals whose moves are told; ``grad_norm`` and ``loss`` without members of parameters."""

BEFORE = 400
"""Iterations before the end that are looked at; the first half of them says what is usual."""

SIGMAS = 6.0
"""Robust standard deviations, of the logarithm where a signal is positive, that are a move."""

EARLY = 3.0
"""Times the first value, or a part of it: a move where there are too few samples to say more."""

GAP = 2
"""Samples that may fall back into the usual without ending a move."""


@dataclass(frozen=True, slots=True)
class Move:
    """A signal that left what was usual for it and did not come back.

    Example:
        >>> from backsight.diagnosis import timeline
        >>> from backsight.signals import Recorder
        >>> with Recorder("runs/mine") as recorder:
        ...     for i in range(200):
        ...         loss, norm = 2.0 if i < 199 else float("nan"), 0.5 * 1.5 ** max(0, i - 180)
        ...         recorder.scalars(i, {"loss": loss, "grad_norm": norm})
        >>> move = timeline("runs/mine").moves[0]
        >>> move.name, move.lead, move.usual
        ('grad_norm', 18, 0.5)
    """

    name: str
    lead: int
    """Iterations before the end at which it left."""
    usual: float
    """Its median until then."""
    extreme: float
    """The value farthest from that."""

    @property
    def message(self) -> str:
        """``the gradient norm before clipping rose from 0.4 to 212``."""
        where = f" of {member(self.name)}" if member(self.name) else ""
        signal = describe(self.name)
        title = signal.title if signal else self.name
        if not math.isfinite(self.extreme):
            return f"the {title}{where} was no longer finite (usually {self.usual:.3g})"
        how = "fell" if self.extreme < self.usual else "rose"
        return f"the {title}{where} {how} from {self.usual:.3g} to {self.extreme:.3g}"


@dataclass(frozen=True, slots=True)
class Timeline:
    """The chain of moves, the first one first.

    Example:
        >>> from backsight.diagnosis import timeline
        >>> from backsight.signals import Recorder
        >>> with Recorder("runs/mine") as recorder:
        ...     for i in range(200):
        ...         loss, norm = 2.0 if i < 199 else float("nan"), 0.5 * 1.5 ** max(0, i - 180)
        ...         recorder.scalars(i, {"loss": loss, "grad_norm": norm})
        >>> chain = timeline("runs/mine")
        >>> chain.end, chain.code, [move.name for move in chain.moves]
        (199, 'BKS201', ['grad_norm', 'loss'])
    """

    end: int
    """The iteration at which the loss was lost."""
    code: str
    """The finding that says so."""
    moves: tuple[Move, ...]

    @property
    def message(self) -> str:
        """In a sentence or two, each move with its lead."""
        if not self.moves:
            return (
                f"Training failed at iteration {self.end:,} ({self.code}). No recorded signal had "
                "changed before."
            )
        told = "; ".join(f"{_lead(move.lead)} {move.message}" for move in self.moves)
        return (
            f"Training failed at iteration {self.end:,} ({self.code}). {told[0].upper()}{told[1:]}."
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``."""
        return {
            "end": self.end,
            "code": self.code,
            "message": self.message,
            "moves": [
                {"signal": m.name, "lead": m.lead, "usual": m.usual, "extreme": m.extreme}
                for m in self.moves
            ],
        }


def timeline(run: Run | Path | str, found: Diagnosis | None = None) -> Timeline | None:
    """What moved first in a run whose loss was lost; None where it was not.

    Args:
        run: a run, or its folder.
        found: its diagnosis, where it is known.

    Raises:
        RunError: the run cannot be read.

    Example:
        >>> from backsight.diagnosis import timeline
        >>> from backsight.signals import Recorder
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", range(100), [2.0] * 100)
        >>> print(timeline("runs/mine"))  # its loss was not lost
        None
    """
    run = run if isinstance(run, Run) else Run(run)
    found = diagnose(run) if found is None else found
    lost = [
        (int(finding.evidence.get("since", finding.iteration)), finding.code)
        for finding in found.lasting
        if finding.severity == "error" or finding.code == "BKS201"
    ]
    ends = [
        (end, code)
        for end, code in lost
        if code in ("BKS203", "BKS204") or (code == "BKS201" and not _is_survived(run, end))
    ]
    if not ends:
        return None
    end, code = min(ends)
    moves = []
    wanted = [
        name
        for name in run.names
        if family(name) in FAMILIES and not (family(name) == "grad_norm" and member(name))
    ]
    around = run.stretches(wanted, [BEFORE + 1], first=max(0, end - BEFORE))
    for name, signal in next(around, {}).items():
        if not isinstance(signal, Series):
            continue
        move = _move(name, signal.iterations, signal.values.astype(np.float64), end)
        if move is not None:
            moves.append(move)
    moves.sort(key=lambda move: (-move.lead, FAMILIES.index(family(move.name)), move.name))
    return Timeline(end, code, tuple(_one_a_family(moves)))


def _is_survived(run: Run, end: int) -> bool:
    """Whether the last losses are numbers, or most of those since are: where weights are lost, none
    is, and a single batch may come in each epoch whose loss is none."""
    for name in run.members("loss", profile=False):
        if math.isfinite(run.last(name)[1]):
            continue
        series = run.series(name)
        since = np.isfinite(series.values[series.iterations > end])
        if not since.size or since.mean() < 0.5:
            return False
    return True


def _move(
    name: str, iterations: NDArray[np.int64], values: NDArray[np.float64], end: int
) -> Move | None:
    """When it left what was usual for good, if it did."""
    inside = (iterations >= end - BEFORE) & (iterations <= end)
    at, values = iterations[inside], values[inside]
    reference = values[: len(values) // 2]
    reference = reference[np.isfinite(reference)]
    if len(reference) < 3 or len(at) < 6:
        return _early_move(name, at, values, end)
    scale = np.log if (reference > 0).all() else (lambda x: x)
    middle = float(np.median(scale(reference)))
    spread = SIGMA * float(np.median(np.abs(scale(reference) - middle)))
    spread = max(spread, 0.02 if scale is np.log else 0.02 * abs(middle), 1e-12)
    with np.errstate(invalid="ignore", divide="ignore"):
        away = ~(np.abs(scale(values) - middle) <= SIGMAS * spread)
    if not away[-1]:
        return None
    first, back = len(away) - 1, 0
    for i in range(len(away) - 1, len(away) // 2 - 1, -1):
        back = 0 if away[i] else back + 1
        if back > GAP:
            break
        if away[i]:
            first = i
    usual = float(np.median(reference))
    moved = values[first:]
    off = moved[~np.isfinite(moved)]
    finite = moved[np.isfinite(moved)]
    farthest = finite[np.abs(finite - usual).argmax()] if finite.size else off[0]
    return Move(name, int(end - at[first]), usual, float(farthest))


def _early_move(
    name: str, at: NDArray[np.int64], values: NDArray[np.float64], end: int
) -> Move | None:
    """Where there are too few samples to tell what is usual: a change by a factor, for good."""
    if not len(at) or not 0 < values[0] < math.inf:
        return None
    with np.errstate(invalid="ignore"):
        away = ~((values < EARLY * values[0]) & (EARLY * values > values[0]))
    back = np.flatnonzero(~away)
    first = int(back[-1]) + 1
    finite = values[first:][np.isfinite(values[first:])]
    if not finite.size:
        return None  # that is the failure itself
    farthest = (
        float(finite[np.abs(np.log(finite / values[0])).argmax()])
        if (finite > 0).all()
        else (float(finite[-1]))
    )
    return Move(name, int(end - at[first]), float(values[0]), farthest)


def _one_a_family(moves: Sequence[Move]) -> list[Move]:
    """The first to move of each family: forty parameters that follow say no more."""
    first: dict[str, Move] = {}
    for move in moves:
        first.setdefault(family(move.name), move)
    return list(first.values())


def _lead(before: int) -> str:
    if not before:
        return "at the failure"
    return f"{before:,} iteration{'s' * (before != 1)} before the failure"
