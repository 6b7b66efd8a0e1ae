"""A map in words, and what there is to draw of it."""

import shlex
from dataclasses import replace
from typing import Any

from backsight.report import number
from backsight.report.figures import MapAxis, MapView
from backsight.studies._command import train_words
from backsight.studies.map._axis import Axis
from backsight.studies.map._fragility import TIMES, Fragility
from backsight.studies.map._outcome import MapOutcome
from backsight.studies.map._study import Place, StabilityMap

__all__ = [
    "fragility_words",
    "letters",
    "print_stability_map",
    "sentences",
    "settings_words",
    "train_command",
    "view",
]

WIDEST = 100
"""Columns of letters that a terminal has room for."""

LETTERS = {
    MapOutcome.LEARNED: "#",
    MapOutcome.STUCK: "-",
    MapOutcome.VANISHED: "v",
    MapOutcome.EXPLODED: "^",
    MapOutcome.NOT_FINITE: "!",
}


def settings_words(found: StabilityMap, place: Place) -> str:
    """``lr 0.1, gain 1.2``."""
    return ", ".join(f"{name} {number(value)}" for name, value in found.values(place).items())


def fragility_words(fragile: Fragility) -> str:
    """The share with what it is a share of, without a full stop."""
    if not fragile.neighbours:
        told = "not enough data: no other setting within ×2 is trained"
    else:
        told = (
            f"{100 * fragile.share:.0f} % ({fragile.differing} of {fragile.neighbours} settings "
            "within ×2 end otherwise"
        )
        told += f"; {fragile.missing} more are not trained yet)" if fragile.missing else ")"
    return f"{told}; the map ends before ×2 does" if fragile.cut else told


def sentences(found: StabilityMap, chosen: Place | None) -> list[str]:
    """What came out, each sentence from the numbers."""
    total = found.outcomes.size
    counts = ", ".join(f"{count:,} {kind.label}" for kind, count in found.counts.items() if count)
    told = [f"Of {total:,} settings {found.trained:,} are trained: {counts or 'none'}."]
    best, least_fragile = found.best, found.least_fragile
    if best is not None:
        learned = found.outcomes[best] == MapOutcome.LEARNED
        which = "The best setting" if learned else "None learned; the lowest loss"
        joint = "" if learned else " has"
        told.append(
            f"{which}{':' if learned else joint} {settings_words(found, best)}, with a loss of "
            f"{number(float(found.loss[best]))} (chance {number(_chance(found))}). Its fragility: "
            f"{fragility_words(found.fragility(best))}."
        )
    if least_fragile is not None and least_fragile != best:
        told.append(
            "The least fragile of those that learned and have all that lies within ×2 on the map: "
            f"{settings_words(found, least_fragile)}, with a "
            f"loss of {number(float(found.loss[least_fragile]))}: "
            f"{fragility_words(found.fragility(least_fragile))}."
        )
    if chosen is not None:
        kind = found.outcomes[chosen]
        outcome = MapOutcome(kind).label if kind >= 0 else "not trained"
        told.append(
            f"The chosen setting, {settings_words(found, chosen)}: {outcome}, with a loss of "
            f"{number(float(found.loss[chosen]))}. Its fragility: "
            f"{fragility_words(found.fragility(chosen))}."
        )
    if found.plan.seeds > 1 and found.trained:
        agreement = found.agreement[found.outcomes >= 0]
        told.append(
            f"Each setting has {found.plan.seeds} seeds, and the outcome of most of them (the "
            f"worst of a tie); in {100 * float((agreement == 1).mean()):.0f} % all agree."
        )
    return told


def letters(found: StabilityMap) -> list[str]:
    """The map as lines of text, the highest y first, and what the letters mean."""
    rows = [
        "".join(LETTERS[MapOutcome(kind)] if kind >= 0 else "." for kind in row)
        for row in found.outcomes[::-1]
    ]
    legend = "  ".join(f"{letter} {kind.label}" for kind, letter in LETTERS.items())
    return [*rows, f"{legend}{'' if found.complete else '  . not trained'}"]


def print_stability_map(found: StabilityMap, chosen: Place | None = None) -> None:
    """The map in letters, where a screen has room for it, and in sentences.

    Example:
        >>> import io
        >>> from contextlib import redirect_stdout
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import MapPlan, parse_axis, print_stability_map, run_map
        >>> settings = MemoryEcho(length=6, lag=2, hidden=4, iterations=2, validate_sequences=8)
        >>> found = run_map(MapPlan(settings, parse_axis("lr=0.01,0.1"), parse_axis("gain=0.5,1")))
        >>> with redirect_stdout(io.StringIO()) as said:
        ...     print_stability_map(found)
        >>> "gain" in said.getvalue()
        True
    """
    x, y = found.plan.x, found.plan.y
    if len(x) <= WIDEST:
        print(f"{y.name} upwards from {y.values[0]:g} to {y.values[-1]:g}, ", end="")
        print(f"{x.name} to the right from {x.values[0]:g} to {x.values[-1]:g}\n")
        print("\n".join(letters(found)), end="\n\n")
    print("\n".join(sentences(found, chosen)))


def view(found: StabilityMap, chosen: Place | None) -> MapView:
    """What the figures need. The neighbourhood is the chosen setting's, or the best one's."""
    x, y = found.plan.x, found.plan.y
    named = {"best": found.best, "least fragile": found.least_fragile, "chosen": chosen}
    marks = {name: place for name, place in named.items() if place is not None}
    about = chosen or found.best
    box = None
    if about is not None:
        row, column = about
        box = (*_around(x, column), *_around(y, row))
    return MapView(
        x=MapAxis(x.name, x.values, x.spacing),
        y=MapAxis(y.name, y.values, y.spacing),
        kinds=tuple(kind.label for kind in MapOutcome),
        outcomes=found.outcomes,
        loss=found.loss,
        growth=found.growth,
        chance=_chance(found),
        path=tuple(found.best_by_column),
        marks=marks,
        box=box,
    )


def train_command(found: StabilityMap, place: Place) -> str | None:
    """What trains one setting in the lab, recorded; None where the lab has no such setting."""
    plan, values = found.plan, found.values(place)
    if values.pop("init_scale", plan.init_scale) != 1:
        return None
    own: dict[str, Any] = dict(values)
    return shlex.join(["backsight", *train_words(replace(plan.settings, **own))])


def _around(axis: Axis, index: int) -> tuple[float, float]:
    """Half to twice a value; of a momentum, of what it lacks to 1."""
    value = axis.values[index]
    if axis.name == "momentum":
        return 1 - (1 - value) * TIMES, 1 - (1 - value) / TIMES
    return value / TIMES, value * TIMES


def _chance(found: StabilityMap) -> float:
    return found.plan.settings.task.baseline
