"""``backsight study map TASK``: the outcome of training over two settings."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional

import tyro
from typing_extensions import Doc

from backsight.cli._messages import say
from backsight.cli._options import parse
from backsight.cli._study_conduct import show, until_interrupted
from backsight.cli._train import ALIASES
from backsight.errors import SettingError
from backsight.lab import TASKS, Memory
from backsight.nn import CELL_HELP, CELLS, Cell, Init

if TYPE_CHECKING:
    from backsight.report import MapProgress
    from backsight.studies import Engine, MapPlan, StabilityMap

__all__ = ["main"]


@dataclass(frozen=True)
class Map:
    """Train a network at every point of a grid of two settings.

    Each point gets an outcome: learned, stuck, vanished, exploded or not finite.

    Plain RNNs without dropout or guard train in batches, all others one by one.

    Finished points are kept: after Ctrl-C, the same command continues the map.
    """

    task: tyro.conf.Positional[str]
    """A memory task; backsight train --help lists them."""
    x: str = "lr=log:1e-4:10:64"
    """The setting on the horizontal axis: NAME=FROM:TO:COUNT, NAME=log:FROM:TO:COUNT or
    NAME=A,B,C. NAME is lr, gain, momentum, clip, length, init_scale, hidden, layers, batch,
    iterations or weight_decay, or for tasks that have them lag, symbols or pattern."""
    y: str = "gain=0.5:3:64"
    """The setting on the vertical axis, in the same form."""
    zoom: Optional[str] = None
    """Map only this region, with as many points, such as lr=0.01:0.1,gain=1:1.5."""
    at: Optional[str] = None
    """Show the fragility of this point as well as of the best one, such as lr=0.01,gain=1."""
    seeds: int = 1
    """The number of networks per point; the outcome of most of them is that of the point."""
    out: Optional[Path] = None
    """The map's folder; by default a folder in runs/ that is named after the map's settings."""
    engine: Optional[str] = None
    """Where the networks train: local (one process per core), local:N (N processes), ray (Ray on
    this machine) or ray:ADDRESS (a Ray cluster). By default, batches train in this process, and
    networks that train one by one use local."""
    trial_timeout: Optional[float] = None
    """Stop a process that has not finished its part of the map after this many seconds, with
    --engine local only; the other parts continue. By default, a part takes as long as it does."""
    threads: int = 1
    """The number of CPU threads if this process trains the map; more than one helps only on an
    idle machine."""
    json: bool = False
    """Print the map as JSON; a NaN is the string "NaN"."""
    cell: Annotated[Cell, Doc(CELL_HELP)] = "rnn"
    hidden: int = 16
    """The number of hidden units per layer."""
    layers: int = 1
    """The number of recurrent layers."""
    dropout: float = 0.0
    """The dropout probability between recurrent layers."""
    init: Init = "default"
    """The initialisation of the recurrent layers."""
    gain: float = 1.0
    """A factor on the initial recurrent matrices."""
    init_scale: float = 1.0
    """A factor on every initial weight."""
    batch: int = 20
    """The number of sequences per iteration."""
    iterations: int = 500
    """The number of optimizer steps."""
    optimizer: Literal["sgd", "momentum", "adam", "adamw"] = "sgd"
    """The optimizer; momentum means SGD with momentum."""
    lr: Optional[float] = None
    """The learning rate; by default 0.002 for adam and adamw, 0.5 for sgd, 0.1 for momentum."""
    momentum: Optional[float] = None
    """The momentum, or Adam's beta1; by default 0.9."""
    weight_decay: float = 0.0
    """The weight decay."""
    clip: Optional[float] = None
    """Clip the global gradient norm to this value; by default nothing is clipped, so that the map
    shows where gradients explode."""
    guard: Optional[str] = None
    """The guard of each training: safe, or policies separated by commas."""
    length: int = 50
    """The length of a sequence in steps."""
    form: Optional[str] = None
    """The variant of temporal order: pascanu or hochreiter."""
    lag: Optional[int] = None
    """The number of steps back to the requested symbol, in echo and mixture."""
    symbols: Optional[int] = None
    """The number of different symbols, in tasks that have it."""
    pattern: Optional[int] = None
    """The number of symbols to remember, in noiseless memorisation."""
    validate_sequences: int = 2000
    """The number of held-out sequences on which the final loss is measured."""
    seed: int = 0
    """The first seed, for weights and sequences."""
    precision: Literal["32-true", "64-true"] = "32-true"
    """The precision of the arithmetic."""


OWN = {
    "task", "x", "y", "zoom", "at", "seeds", "out", "engine", "trial_timeout", "threads", "json",
    "init_scale",
}  # fmt: skip
"""Options that are not settings of the lab."""


def main(arguments: Sequence[str]) -> int:
    """Train what is missing, write the page, and print the result."""
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
    if not plan.together:
        batched = ", ".join(name for name, cell in CELLS.items() if cell.batched)
        say(
            f"the networks train one by one: only {batched} without dropout and guard train as one "
            "batch",
            sys.stderr,
        )
    found, view, stopped = _train(plan, path, engine)
    if found is None:
        return 130
    page = write_stability_map_page(found, at)
    show(
        found.as_dict(at), page.resolve(), lambda: print_stability_map(found, at), json=options.json
    )
    for words in view.failures:
        say(f"{words}; run the same command again to retry", sys.stderr)
    if stopped:
        print(
            f"backsight: stopped; {found.trained:,} of {found.outcomes.size:,} points are done, "
            "and the same command continues the map",
            file=sys.stderr,
        )
    return 130 if stopped else int(bool(view.failures))


def _engine(options: Map, plan: "MapPlan") -> Optional["Engine"]:
    """What runs the parts; None for this process."""
    words = options.engine or (None if plan.together else "local")
    if words is None:
        if options.trial_timeout is not None:
            raise SettingError(
                "--trial-timeout needs --engine local: without it, this process trains the map"
            )
        return None
    if options.threads > 1:
        raise SettingError(
            f"--threads {options.threads} applies only to a map that this process trains: each "
            f"process of --engine {words} has one thread; leave it out"
        )
    from backsight.studies import make_engine

    return make_engine(words, 0.0, options.trial_timeout)


def _plan(options: Map, task: str) -> "MapPlan":
    from backsight.studies import MapPlan, parse_axis, parse_zoom

    kind = TASKS[task]
    if not issubclass(kind, Memory):
        raise SettingError(
            f"a map needs a memory task, not {task}: choose one of {', '.join(_memory_tasks())}"
        )
    known = {field.name for field in fields(kind)}
    given: dict[str, Any] = {}
    for field in fields(options):
        name, value = field.name, getattr(options, field.name)
        if name in OWN or (value is None and name != "clip"):
            continue
        if name not in known:
            raise SettingError(f"--{name} is not a setting of {task}: leave it out")
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
