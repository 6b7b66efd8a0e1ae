"""Parts of a map as trials of an engine: each a process, with a small map folder of its own.

``python -m backsight.studies._map_trials FOLDER NUMBER`` trains one part of the plan in a folder
and keeps it there; from there it is moved into the map.
"""

import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from backsight.errors import BacksightError
from backsight.studies._engine import Engine, Trial
from backsight.studies._map_plan import MapPlan, Part
from backsight.studies._map_store import MapFolder
from backsight.studies._trials import last_words

__all__ = ["claim", "run_parts"]

TRIALS = "trials"
"""Folder of a map that holds those of its trials while they run."""


def run_parts(
    folder: MapFolder,
    plan: MapPlan,
    parts: Sequence[Part],
    engine: Engine,
    *,
    ended: Callable[[Part], None],
    failed: Callable[[str], None],
) -> None:
    """Have an engine train parts; what is done is in the map's folder, also after an interrupt.

    Args:
        folder: the map's.
        plan: of the whole map.
        parts: of it, to be trained.
        engine: what runs them.
        ended: told of each part that is done.
        failed: told in words of each that is not, as its process has died.

    Raises:
        BacksightError: a folder cannot be written, or a trial not be started.
    """
    by_name = {f"part-{part.number:04d}": part for part in parts}
    place = folder.path / TRIALS
    try:
        trials = [_trial(place, name, plan, part.number) for name, part in by_name.items()]
        with closing(engine.run(trials)) as ends:
            for one in ends:
                part = by_name[one.name]
                if _adopt(place / one.name, folder):
                    ended(part)
                else:
                    words = last_words(_log(place, one.name), one.status)
                    failed(f"{len(part.cells)} settings are not trained: {words}")
    finally:
        claim(folder)


def claim(folder: MapFolder) -> None:
    """Move what trials have done into the map, and remove the rest of them.

    A study that was killed leaves both.
    """
    place = folder.path / TRIALS
    for own in place.glob("part-*"):
        if own.is_dir():
            _adopt(own, folder)
    shutil.rmtree(place, ignore_errors=True)


def _trial(place: Path, name: str, plan: MapPlan, number: int) -> Trial:
    own = MapFolder(place / name)
    own.open(plan)
    words = (sys.executable, "-m", __name__, str(own.path), str(number))
    return Trial(name, words, own.path, _log(place, name))


def _log(place: Path, name: str) -> Path:
    return place / f"{name}.txt"


def _adopt(own: Path, folder: MapFolder) -> bool:
    """Move what a trial has kept into the map, and say whether there was anything."""
    found = list(own.glob("part-*.npz"))
    for path in found:
        path.replace(folder.path / path.name)
    return bool(found)


def _main(arguments: Sequence[str]) -> int:
    """One trial."""
    from backsight.studies._map_train import train_part

    path, number = arguments
    folder = MapFolder(Path(path))
    try:
        part = folder.plan().parts()[int(number)]
        folder.keep(part.number, train_part(part))
    except BacksightError as error:
        print(f"backsight: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
