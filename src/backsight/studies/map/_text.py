"""A map in words, and what there is to draw of it."""

import shlex
from dataclasses import replace
from typing import Any

from backsight._printable import printable
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
    """The share and the counts behind it, without a full stop."""
    if not fragile.neighbours:
        told = "not enough data: no other point within a factor of 2 is trained"
    else:
        told = (
            f"{100 * fragile.share:.0f} % ({fragile.differing} of {fragile.neighbours} points "
            "within a factor of 2 have another outcome"
        )
        told += f"; {fragile.missing} more are not trained yet)" if fragile.missing else ")"
    return f"{told}; the map does not cover the whole factor of 2" if fragile.cut else told


def sentences(found: StabilityMap, chosen: Place | None) -> list[str]:
    """The results of a map as sentences."""
    total = found.outcomes.size
    counts = ", ".join(f"{count:,} {kind.label}" for kind, count in found.counts.items() if count)
    told = [f"{found.trained:,} of {total:,} points are trained{counts and ': '}{counts}."]
    best, least_fragile = found.best, found.least_fragile
    if best is not None:
        learned = found.outcomes[best] == MapOutcome.LEARNED
        which = "The best point is" if learned else "No point learned; the lowest loss is at"
        told.append(
            f"{which} {settings_words(found, best)}, with a loss of "
            f"{number(float(found.loss[best]))} (chance {number(_chance(found))}). Its fragility: "
            f"{fragility_words(found.fragility(best))}."
        )
    if least_fragile is not None and least_fragile != best:
        told.append(
            "The least fragile point, of those that learned and whose neighbours within a factor "
            f"of 2 are all on the map, is {settings_words(found, least_fragile)}, with a loss of "
            f"{number(float(found.loss[least_fragile]))}. Its fragility: "
            f"{fragility_words(found.fragility(least_fragile))}."
        )
    if chosen is not None:
        kind = found.outcomes[chosen]
        outcome = "is not trained"
        if kind >= 0:
            loss = number(float(found.loss[chosen]))
            outcome = f"has the outcome {MapOutcome(kind).label} and a loss of {loss}"
        told.append(
            f"The chosen point, {settings_words(found, chosen)}, {outcome}. Its fragility: "
            f"{fragility_words(found.fragility(chosen))}."
        )
    if found.plan.seeds > 1 and found.trained:
        agreement = found.agreement[found.outcomes >= 0]
        told.append(
            f"Each point has the outcome of most of its {found.plan.seeds} seeds (the worst in a "
            f"tie). All seeds agree at {100 * float((agreement == 1).mean()):.0f} % of the points."
        )
    if found.former:
        told.append(
            f"An earlier version of Backsight trained {found.former:,} of the points. It compared "
            "the gradient with that at lag 0: there, vanished means below 1 % of it at the task's "
            "lag, and the growth rate counts from lag 0 on. To compare points, train the map anew "
            "in another folder."
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
        print(f"y: {y.name} from {y.values[0]:g} to {y.values[-1]:g}, ", end="")
        print(f"x: {x.name} from {x.values[0]:g} to {x.values[-1]:g}\n")
        print("\n".join(letters(found)), end="\n\n")
    print("\n".join(map(printable, sentences(found, chosen))))


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
