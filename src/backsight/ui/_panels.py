"""Which figures a run has, what each of them shows, and how to get those that it lacks."""

from typing import Any

from backsight.report.figures import FIGURES, Entry
from backsight.signals import Run

__all__ = ["AT_ITERATION", "entry_of", "panels_of"]

AT_ITERATION = ("reach", "reach-ahead", "reach-blocks", "context", "grad-time")
"""Figures of profiles: they show one iteration and have no axis of iterations."""

HOW_TO_GET = {
    "loss": "call backward on the loss while a monitor watches, or record the signal loss",
    "reach": "train a recurrent layer, or a model with an embedded input, under a monitor",
    "reach-time": "it needs two sampled iterations with a reach",
    "grad-time": "train a recurrent layer under a monitor",
    "gradient-norm": "train with an optimizer under a monitor",
    "hidden-norm": "train a recurrent layer under a monitor",
    "hidden-norm-time": "train a recurrent layer under a monitor: it is measured in samples",
    "update-ratio": "train with an optimizer under a monitor: it is measured in samples",
    "saturation": "train a layer with bounded units or gates (tanh, LSTM, GRU) under a monitor",
    "learning-rate": "train with an optimizer under a monitor",
}
"""By figure; what has no line here belongs to runs of another kind and is left out in silence."""


def entry_of(key: str) -> Entry | None:
    """The figure of that key."""
    return next((entry for entry in FIGURES if entry.key == key), None)


def panels_of(run: Run) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Figures with something to show, in their order; and those without, with how to get them."""
    shown: list[dict[str, Any]] = []
    missing: list[dict[str, str]] = []
    for entry in FIGURES:
        if any(run.members(family) for family in entry.signals) and entry.only_if(run):
            shown.append(
                {
                    "key": entry.key,
                    "title": entry.title,
                    "reading": entry.reading_of(run),
                    "at": entry.key in AT_ITERATION,
                }
            )
        elif entry.key in HOW_TO_GET:
            missing.append({"title": entry.title, "how": HOW_TO_GET[entry.key]})
    return shown, missing
