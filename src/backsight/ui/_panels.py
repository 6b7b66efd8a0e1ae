"""Which figures a run has, what each of them shows, and how to get those that it lacks."""

from typing import Any

from backsight.errors import RunError
from backsight.report.figures import FIGURES, Entry
from backsight.signals import Run

__all__ = ["entry_of", "panels_of"]


def entry_of(key: str) -> Entry | None:
    """The figure of that key."""
    return next((entry for entry in FIGURES if entry.key == key), None)


def panels_of(run: Run) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Figures with something to show, in their order; and those without, with how to get them."""
    shown = [
        {
            "key": entry.key,
            "title": entry.title,
            "reading": _reading(run, entry),
            "at": entry.of_moment,
        }
        for entry in FIGURES
        if _is_drawn(run, entry)
    ]
    missing = [{"title": one.title, "how": one.how} for one in FIGURES if one.is_missed(run)]
    return shown, missing


def _is_drawn(run: Run, entry: Entry) -> bool:
    """Where what decides about it is damaged, it is asked for, and says so in its place."""
    try:
        return entry.is_drawn(run)
    except RunError:
        return any(run.members(family) for family in entry.signals)


def _reading(run: Run, entry: Entry) -> str:
    """Empty where it would speak of what is damaged."""
    try:
        return entry.reading_of(run)
    except RunError:
        return ""
