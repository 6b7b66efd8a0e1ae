"""A map on disk: what was planned, and a file for each batch that is done.

::

    runs/map-TASK-1a2b3c4d/
        map.json         the plan; its fingerprint is in the folder's name
        progress.json    how far it is
        part-0007.npz    what became of the networks of a batch, NaN and all
        map.html         what was seen

A file appears whole or not at all, so whatever is there when a map is interrupted is done.
"""

import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from backsight.errors import RunError, SettingError
from backsight.signals import open_regular, replacing
from backsight.studies._folder import PlanFolder
from backsight.studies.map._course import Trained
from backsight.studies.map._plan import MapPlan, Part, part_name

__all__ = ["MapFolder"]

PART = re.compile(r"part-\d{4,9}")

ZIP = (zipfile.BadZipFile, zlib.error, NotImplementedError)
"""What the reader of an archive raises of a damaged one."""

LONGEST = 300
"""Characters of a complaint about what a file holds."""

AGAIN = "finished parts are kept, and the same command continues"


class AxisFile(msgspec.Struct):
    """A setting that a map varies."""

    name: str
    spacing: str
    values: Annotated[list[float], msgspec.Meta(min_length=1, max_length=10_000)]


class PlanFile(msgspec.Struct):
    """The plan in ``map.json``."""

    task: str
    x: AxisFile
    y: AxisFile
    seeds: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    init_scale: Annotated[float, msgspec.Meta(gt=0)]
    settings: dict[str, Any]


class MapFile(msgspec.Struct):
    """``map.json``."""

    plan: PlanFile


class MapFolder(PlanFolder):
    """The folder of a map; a part that is done is a file in it."""

    file = "map.json"
    kind = "map"
    schema = MapFile

    def plan(self) -> MapPlan:
        """What was planned.

        Raises:
            RunError: it cannot be read.
        """
        content = self.read()
        if content is None:
            raise RunError(f"{self.path} is not a map: {self.path / self.file} does not exist")
        try:
            return MapPlan.from_dict(content["plan"])
        except (SettingError, TypeError, ValueError) as error:  # settings of another type, too
            raise RunError(f"{self.path / self.file} is damaged: {_words(error)}") from error

    def done(self) -> set[int]:
        """Numbers of the parts that are done."""
        stems = (path.stem for path in self.path.glob("part-*.npz"))
        return {int(stem.partition("-")[2]) for stem in stems if PART.fullmatch(stem)}

    def done_of(self, parts: Sequence[Part]) -> set[int]:
        """Numbers of those parts that are done.

        An earlier version may have begun the map in other parts: the file of such a part is none of
        ours, though what it holds counts. What cannot be read counts as done, and is told where it
        is read.
        """
        numbers = self.done()
        return {p.number for p in parts if p.number in numbers and self._holds(p)}

    def _holds(self, part: Part) -> bool:
        try:
            (trained,) = self.read_parts([part.number])
        except RunError:
            return True
        there = zip(trained.seed, trained.row, trained.column, strict=True)
        return {(c.seed, c.row, c.column) for c in part.cells} <= {*there}

    def keep(self, number: int, trained: Trained) -> None:
        """Put what became of a part on disk.

        Raises:
            RunError: it cannot be written.
        """
        path = self.path / f"{part_name(number)}.npz"
        try:
            with replacing(path) as half, half.open("wb") as file:
                np.savez(file, **asdict(trained))
        except OSError as error:
            raise RunError(f"cannot write {path}: {error.strerror or error}; {AGAIN}") from error

    def read_parts(self, numbers: Iterable[int]) -> list[Trained]:
        """What became of these parts.

        Raises:
            RunError: one cannot be read.
        """
        found = []
        for number in sorted(numbers):
            path = self.path / f"{part_name(number)}.npz"
            try:
                # Opened here: NumPy leaves a file open that is no archive.
                with open_regular(path) as whole, np.load(whole, allow_pickle=False) as file:
                    former = "reach" in file  # relative to lag 0, see Trained.former
                    stored = {"reach_share": "reach"} if former else {}
                    trained = {
                        f.name: file[stored.get(f.name, f.name)]
                        for f in fields(Trained)
                        if not (former and f.name == "former")
                    }
                    if former:
                        trained["former"] = np.ones(trained["row"].shape, np.int8)
                    _check_part(trained)
                    found.append(Trained(**trained))
            except (OSError, ValueError, KeyError, EOFError, MemoryError, *ZIP, RunError) as error:
                raise RunError(
                    f"cannot read {path} ({_words(error)}): remove it, and run the same command "
                    "again to train its points"
                ) from error
        return found


def _words(error: Exception) -> str:
    """Its own, which may quote the file's."""
    words = str(error)
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"


def _check_part(trained: Mapping[str, NDArray[Any]]) -> None:
    """See that a part has one number a training, and whole ones where they are places."""
    shapes = {values.shape for values in trained.values()}
    kinds = {name: trained[name].dtype.kind for name in trained}
    whole = {name for name, kind in kinds.items() if kind == "i"}
    if len(shapes) != 1 or len(shapes.pop()) != 1 or not {"row", "column", "seed"} <= whole:
        raise ValueError("it does not hold one number a training")
    if not set(kinds.values()) <= {"i", "f"}:
        raise ValueError("it holds something else than numbers")
