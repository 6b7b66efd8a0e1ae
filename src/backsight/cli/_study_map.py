"""``backsight study map TASK``: what becomes of a network over two settings."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional

import tyro
from typing_extensions import Doc

from backsight.cli._options import parse
from backsight.cli._study_conduct import show, until_interrupted
from backsight.cli._train import ALIASES
from backsight.errors import SettingError
from backsight.lab import TASKS, Memory
from backsight.nn import CELL_HELP, Cell, Init

if TYPE_CHECKING:
    from backsight.report import MapProgress
    from backsight.studies import Engine, MapPlan, StabilityMap

__all__ = ["main"]


@dataclass(frozen=True)
class Map:
    """Train a network at every setting of a map, and say what becomes of it.

    Each ends as learned, stuck, vanished, exploded or not finite. Settings with the same shapes
    train together, as one batch, where --cell is a plain RNN (rnn, rnn-relu) without dropout and
    guard; all others one by one. What is done stays on disk: after a Ctrl-C the same command goes
    on.
    """

    task: tyro.conf.Positional[str]
    """A memory task; backsight train --help lists them."""
    x: str = "lr=log:1e-4:10:64"
    """Setting to vary, from left to right: NAME=FROM:TO:COUNT, NAME=log:FROM:TO:COUNT or
    NAME=A,B,C. NAME is lr, gain, momentum, clip, length, init_scale, hidden, layers, batch,
    iterations, weight_decay, or lag, symbols, pattern of tasks that have one."""
    y: str = "gain=0.5:3:64"
    """Setting to vary, from bottom to top."""
    zoom: Optional[str] = None
    """Map a region of this map as finely as the whole, such as lr=0.01:0.1,gain=1:1.5."""
    at: Optional[str] = None
    """Tell the fragility of this setting, such as lr=0.01,gain=1; the best one's is always told."""
    seeds: int = 1
    """Trainings of each setting; the outcome is that of most of them."""
    out: Optional[Path] = None
    """The map's folder; by default one in runs/ that is the same for the same map."""
    engine: Optional[str] = None
    """What trains them: local for as many processes as there are cores, or local:N; ray for Ray on
    this machine, ray:ADDRESS for a cluster. By default local where they train one by one, and
    where they train as batches this very process."""
    threads: int = 1
    """Threads of the processor where this process trains: more help only where nothing else keeps
    it busy."""
    json: bool = False
    """Print everything as JSON; a NaN is the string "NaN"."""
    cell: Annotated[Cell, Doc(CELL_HELP)] = "rnn"
    hidden: int = 16
    """Hidden units a layer."""
    layers: int = 1
    """Recurrent layers."""
    dropout: float = 0.0
    """Dropout between recurrent layers."""
    init: Init = "default"
    """Initialisation of the recurrent layers."""
    gain: float = 1.0
    """Factor on the initial recurrent matrices."""
    init_scale: float = 1.0
    """Factor on every initial weight."""
    batch: int = 20
    """Sequences in an iteration."""
    iterations: int = 500
    """Optimizer steps."""
    optimizer: Literal["sgd", "momentum", "adam", "adamw"] = "sgd"
    """Optimizer; momentum is SGD with momentum."""
    lr: Optional[float] = None
    """Learning rate; by default 0.002 for adam and adamw, 0.5 for sgd, 0.1 for momentum."""
    momentum: Optional[float] = None
    """Momentum, or Adam's beta1; 0.9 by default."""
    weight_decay: float = 0.0
    """Weight decay."""
    clip: Optional[float] = None
    """Clip the gradient's global norm to this; by default nothing is clipped, so that the map shows
    where it explodes."""
    guard: Optional[str] = None
    """What may act on each training: safe, or policies with commas between them."""
    length: int = 50
    """Length of a sequence in steps."""
    form: Optional[str] = None
    """Of temporal order: pascanu or hochreiter."""
    lag: Optional[int] = None
    """Of echo and mixture: steps back to what is asked for."""
    symbols: Optional[int] = None
    """Of several tasks: how many different symbols."""
    pattern: Optional[int] = None
    """Of noiseless memorisation: symbols to remember."""
    validate_sequences: int = 2000
    """Held-out sequences on which the final loss is taken."""
    seed: int = 0
    """The first seed, of weights and sequences."""
    precision: Literal["32-true", "64-true"] = "32-true"
    """Arithmetic."""


OWN = {"task", "x", "y", "zoom", "at", "seeds", "out", "engine", "threads", "json", "init_scale"}
"""Options that are none of the lab's settings."""


def main(arguments: Sequence[str]) -> int:
    """Train what is missing, write the page, and say what came out."""
    options = parse(Map, "backsight study map", arguments)
    task = ALIASES.get(options.task, options.task)
    if task not in TASKS:
        raise SettingError(f"there is no task {task!r}: choose one of {', '.join(_memory_tasks())}")
    from backsight.studies import map_folder, print_stability_map, write_stability_map_page

    plan = _plan(options, task)
    at = None
    if options.at is not None:
        from backsight.studies import parse_at, place_of

        at = place_of(plan, parse_at(options.at))  # before hours of training, not after
    path = options.out or map_folder(plan)
    engine = _engine(options, plan)
    found, view, stopped = _train(plan, path, engine)
    if found is None:
        return 130
    page = write_stability_map_page(found, at)
    show(
        found.as_dict(at), page.resolve(), lambda: print_stability_map(found, at), json=options.json
    )
    for words in view.failures:
        print(f"backsight: {words}; the same command tries again", file=sys.stderr)
    if stopped:
        print(
            f"backsight: stopped; {found.trained:,} of {found.outcomes.size:,} settings are kept, "
            "and the same command goes on",
            file=sys.stderr,
        )
    return 130 if stopped else int(bool(view.failures))


def _engine(options: Map, plan: "MapPlan") -> Optional["Engine"]:
    """What runs the parts; None for this process."""
    words = options.engine or (None if plan.together else "local")
    if words is None:
        return None
    if options.threads > 1:
        raise SettingError(
            f"--threads {options.threads} is for a map that this process trains: each process of "
            f"--engine {words} has one thread"
        )
    from backsight.studies import make_engine

    return make_engine(words)


def _plan(options: Map, task: str) -> "MapPlan":
    from backsight.studies import MapPlan, parse_axis, parse_zoom

    kind = TASKS[task]
    if not issubclass(kind, Memory):
        raise SettingError(f"a map needs a memory task, not {task}: {', '.join(_memory_tasks())}")
    known = {field.name for field in fields(kind)}
    given: dict[str, Any] = {}
    for field in fields(options):
        name, value = field.name, getattr(options, field.name)
        if name in OWN or (value is None and name != "clip"):
            continue
        if name not in known:
            raise SettingError(f"--{name} is no setting of {task}: leave it out")
        given[name] = value
    plan = MapPlan(
        kind(**given),
        parse_axis(options.x),
        parse_axis(options.y),
        seeds=options.seeds,
        init_scale=options.init_scale,
        threads=options.threads,
    )
    return plan if options.zoom is None else plan.zoomed(parse_zoom(options.zoom))


def _train(
    plan: "MapPlan", path: Path, engine: Optional["Engine"]
) -> tuple[Optional["StabilityMap"], "MapProgress", bool]:
    """The map, or None where there is nothing of it; who watched; whether a Ctrl-C ended it."""
    from rich.console import Console

    from backsight.report import MapProgress

    console = Console(stderr=True)
    with console.status("loading torch"):
        from backsight.studies import read_map, run_map
    view = MapProgress(plan.trainings, console)
    found = until_interrupted(view, lambda: run_map(plan, path, engine=engine, view=view))
    if found is not None:
        return found, view, False
    return (read_map(path) if (path / "map.json").exists() else None), view, True


def _memory_tasks() -> list[str]:
    return [name for name, kind in TASKS.items() if issubclass(kind, Memory)]
