"""The page about a map."""

from pathlib import Path

from backsight.report import number, write_map_page
from backsight.studies.map._outcome import EXPLODED, LEARNED, VISIBLE, MapOutcome
from backsight.studies.map._study import Place, StabilityMap
from backsight.studies.map._text import (
    fragility_words,
    sentences,
    settings_words,
    train_command,
    view,
)

__all__ = ["write_stability_map_page"]

DEFINITIONS = (
    ("learned", f"the held-out loss is at most {LEARNED:g} of the best that a memory shorter than "
     "the task's lag achieves, or the criterion of the task's paper is met"),
    ("stuck", "not learned, and none of the others"),
    ("vanished", f"not learned, and the gradient at the task's lag is below {100 * VISIBLE:g} % of "
     "the gradient at the last step (median of the second half of training)"),
    ("exploded", f"the mean loss of the last tenth of iterations is above {EXPLODED:g} times the "
     "first one, or above as much of chance where that is more"),
    ("not finite", "a loss was NaN or infinite; under a guard, one of the last tenth of "
     "iterations"),
    ("fragility", "the share of the map's other settings within ×2 on both axes (of a momentum, "
     "within ×2 of 1 − momentum) whose outcome differs"),
    ("least fragile", "of the settings that learned and whose neighbours within ×2 are all on the "
     "map"),
)  # fmt: skip


def write_stability_map_page(found: StabilityMap, chosen: Place | None = None) -> Path:
    """Write ``map.html`` into the map's folder and return its path.

    Raises:
        RunError: it cannot be written.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import MapPlan, parse_axis, run_map, write_stability_map_page
        >>> settings = MemoryEcho(length=6, lag=2, hidden=4, iterations=2, validate_sequences=8)
        >>> found = run_map(MapPlan(settings, parse_axis("lr=0.01,0.1"), parse_axis("gain=0.5,1")))
        >>> write_stability_map_page(found).name
        'map.html'
    """
    plan, best = found.plan, found.best
    task = plan.settings.task
    learned = found.counts[MapOutcome.LEARNED]
    tiles = [
        (f"{found.trained:,}", "settings trained", f"of {found.outcomes.size:,}"),
        (f"{100 * learned / max(found.trained, 1):.0f} %", "learned", f"{learned:,} settings"),
    ]
    commands = []
    about = chosen or best
    if best is not None:
        note = f"loss {number(float(found.loss[best]))}, chance {number(task.baseline)}"
        tiles.append((settings_words(found, best), "best setting", note))
    if about is not None:
        fragile = found.fragility(about)
        share = f"{100 * fragile.share:.0f} %" if fragile.neighbours else "–"
        which = "fragility of the chosen setting" if chosen else "fragility of the best setting"
        tiles.append((share, which, fragility_words(fragile).partition("(")[2].replace(")", "")))
        command = train_command(found, about)
        if command is not None:
            which = "to train the chosen setting" if chosen else "to train the best setting"
            commands.append((which, command))
    return write_map_page(
        view(found, chosen),
        found.path / "map.html",
        title=f"Stability map: {task.name}",
        about=f"{plan.x} to the right, {plan.y} upwards; a memory of {task.lag} steps is needed",
        tiles=tiles,
        sentences=sentences(found, chosen),
        settings=[(k.replace("_", " "), _cell(v)) for k, v in _told(found).items()],
        definitions=DEFINITIONS,
        commands=commands,
    )


def _told(found: StabilityMap) -> dict[str, object]:
    """Settings that are the same everywhere."""
    plan = found.plan
    told = plan.as_dict()
    same = {**told["settings"], "init_scale": plan.init_scale, "seeds": plan.seeds}
    same["lr"] = plan.settings.lr_in_force
    same["momentum"] = plan.settings.momentum_in_force
    return {k: v for k, v in same.items() if k not in (plan.x.name, plan.y.name)}


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return number(value) if isinstance(value, float) else str(value)
