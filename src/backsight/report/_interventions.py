"""What a guard did, in words and for the page."""

from typing import Any

from backsight.report._bodies import ActBody, body_of
from backsight.signals import Run, member

__all__ = [
    "counts_by_policy",
    "intervention_marks",
    "intervention_rows",
    "interventions_sentence",
]

ROWS = 60
"""Acts on the page at the most: the first half and the last."""


def counts_by_policy(run: Run) -> dict[str, int]:
    """Iterations in which each policy acted."""
    names = run.members("act_before", profile=False)
    return {member(name): run.stream(name).samples for name in names}


def interventions_sentence(run: Run) -> str:
    """``The guard clipped …``; empty where no guard acted."""
    counts = counts_by_policy(run)
    if not counts:
        return ""
    told = ", ".join(
        f"{name} in {count:,} iteration{'s' * (count != 1)}" for name, count in counts.items()
    )
    return f"The guard acted: {told}."


def intervention_rows(run: Run) -> list[tuple[str, str]]:
    """Iteration and words of each recorded act; in the middle, how many are left out.

    Example:
        >>> from backsight.report import intervention_rows
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.event("act", 1200, {"message": "rolled back"})
        >>> intervention_rows(Run("runs/mine"))
        [('1,200', 'rolled back')]
    """
    rows = [
        (f"{event.iteration:,}", _message(body_of(run, event, ActBody)))
        for event in run.events("act")
    ]
    if len(rows) <= ROWS:
        return rows
    half = ROWS // 2
    return [*rows[:half], ("…", f"{len(rows) - ROWS:,} more"), *rows[-half:]]


def intervention_marks(run: Run, most: int) -> list[tuple[int, str]]:
    """Iteration and words of recorded acts, at most so many, evenly chosen.

    Example:
        >>> from backsight.report import intervention_marks
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     for i in range(5):
        ...         recorder.event("act", i, {"message": f"clipped {i}"})
        >>> intervention_marks(Run("runs/mine"), 2)
        [(0, 'clipped 0'), (4, 'clipped 4')]
    """
    acts = run.events("act")
    if len(acts) > most:
        acts = [acts[round(i * (len(acts) - 1) / (most - 1))] for i in range(most)]
    return [(act.iteration, _message(body_of(run, act, ActBody))) for act in acts]


def _message(body: Any) -> str:
    model = body.get("model")
    return f"{body['message']}, {model}" if model else str(body["message"])
