"""A map on disk: what was planned, and a file for each batch that is done.

::

    runs/map-TASK-1a2b3c4d/
        map.json         the plan; its fingerprint is in the folder's name
        part-0007.npz    what became of the networks of a batch, NaN and all
        map.html         what was seen

A file appears whole or not at all, so whatever is there when a map is interrupted is done.
"""

import zipfile
from collections.abc import Iterable
from dataclasses import asdict, fields

import numpy as np

from backsight.errors import RunError
from backsight.signals import replacing
from backsight.studies._folder import PlanFolder
from backsight.studies.map._course import Trained
from backsight.studies.map._plan import MapPlan, part_name

__all__ = ["MapFolder"]

AGAIN = "finished parts are kept, and the same command continues"


class MapFolder(PlanFolder):
    """The folder of a map; a part that is done is a file in it."""

    file = "map.json"
    kind = "map"

    def plan(self) -> MapPlan:
        """What was planned.

        Raises:
            RunError: it cannot be read.
        """
        content = self.read()
        if content is None:
            raise RunError(f"{self.path} is not a map: {self.path / self.file} does not exist")
        return MapPlan.from_dict(content["plan"])

    def done(self) -> set[int]:
        """Numbers of the parts that are done."""
        return {int(path.stem.partition("-")[2]) for path in self.path.glob("part-*.npz")}

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
                with path.open("rb") as whole, np.load(whole, allow_pickle=False) as file:
                    found.append(Trained(**{f.name: file[f.name] for f in fields(Trained)}))
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                raise RunError(
                    f"cannot read {path} ({error}): remove it, and run the same command again to "
                    "train its points"
                ) from error
        return found
