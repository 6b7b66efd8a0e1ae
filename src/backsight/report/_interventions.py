"""What a guard did, in words and for the page."""

from typing import Any

from backsight.report._bodies import ActBody, body_of
from backsight.signals import Run, member

__all__ = ["counts_by_policy", "intervention_rows", "interventions_sentence"]

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
    """Iteration and words of each recorded act; in the middle, how many are left out."""
    rows = [
        (f"{event.iteration:,}", _message(body_of(run, event, ActBody)))
        for event in run.events("act")
    ]
    if len(rows) <= ROWS:
        return rows
    half = ROWS // 2
    return [*rows[:half], ("…", f"{len(rows) - ROWS:,} more"), *rows[-half:]]


def _message(body: Any) -> str:
    model = body.get("model")
    return f"{body['message']}, {model}" if model else str(body["message"])
