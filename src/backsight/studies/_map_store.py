"""A map on disk: what was planned, and a file for each batch that is done.

::

    runs/map-TASK-1a2b3c4d/
        map.json         the plan; its fingerprint is in the folder's name
        part-0007.npz    what became of the networks of a batch, NaN and all
        map.html         what was seen

A file appears whole or not at all, so whatever is there when a map is interrupted is done.
"""

import json
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from backsight.errors import RunError
from backsight.signals import dumps, replacing, write_atomically
from backsight.studies._map_course import Trained
from backsight.studies._map_plan import MapPlan

__all__ = ["MapFolder"]

FORMAT = 1
"""Version of the layout; a reader refuses a newer one."""

PLAN = "map.json"
AGAIN = "what is done stays, and the same command goes on"


class MapFolder:
    """The folder of a map.

    Args:
        path: where it is, or shall be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, plan: MapPlan) -> None:
        """Make the folder, or find it begun with this very plan.

        Raises:
            RunError: it holds something else, or cannot be written.
        """
        told = plan.as_dict()
        if (self.path / PLAN).exists():
            there = self._told()
            # As JSON has it: a tuple would differ from the list it became.
            if there["plan"] != json.loads(dumps(told)):
                differs = ", ".join(_differences(there["plan"], json.loads(dumps(told))))
                raise RunError(
                    f"{self.path} holds another map (it differs in {differs}): choose another "
                    "--out, or leave it out"
                )
            return
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise RunError(f"{self.path} exists and is no map: choose another --out")
        content = dumps({"format": FORMAT, "plan": told}, indent=2) + "\n"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path / PLAN, content.encode())
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error.strerror or error}") from error

    def plan(self) -> MapPlan:
        """What was planned.

        Raises:
            RunError: it cannot be read.
        """
        return MapPlan.from_dict(self._told()["plan"])

    def done(self) -> set[int]:
        """Numbers of the parts that are done."""
        return {int(path.stem.partition("-")[2]) for path in self.path.glob("part-*.npz")}

    def keep(self, number: int, trained: Trained) -> None:
        """Put what became of a part on disk.

        Raises:
            RunError: it cannot be written.
        """
        name = f"part-{number:04d}.npz"
        try:
            with replacing(self.path / name) as half, half.open("wb") as file:
                np.savez(file, **asdict(trained))
        except OSError as error:
            raise RunError(
                f"cannot write {self.path / name}: {error.strerror or error}; {AGAIN}"
            ) from error

    def read(self, numbers: Iterable[int]) -> list[Trained]:
        """What became of these parts.

        Raises:
            RunError: one cannot be read.
        """
        found = []
        for number in sorted(numbers):
            path = self.path / f"part-{number:04d}.npz"
            try:
                # Opened here: NumPy leaves a file open that is no archive.
                with path.open("rb") as whole, np.load(whole, allow_pickle=False) as file:
                    found.append(Trained(**{f.name: file[f.name] for f in fields(Trained)}))
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                raise RunError(
                    f"{path} cannot be read ({error}): remove it, and the same command trains its "
                    "settings again"
                ) from error
        return found

    def _told(self) -> dict[str, Any]:
        path = self.path / PLAN
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{path} cannot be read ({error}): it is damaged, or no map") from error
        if not isinstance(told, dict) or not isinstance(told.get("plan"), dict):
            raise RunError(f"{path} is no plan of a map")
        if told.get("format") != FORMAT:
            raise RunError(
                f"{self.path} was written by another Backsight (format {told.get('format')}, this "
                f"one reads {FORMAT})"
            )
        return told


def _differences(there: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Names of what differs."""
    found = []
    for key in sorted(there.keys() | wanted.keys()):
        was, now = there.get(key), wanted.get(key)
        if was != now and isinstance(was, dict) and isinstance(now, dict) and key == "settings":
            found += [k for k in sorted(was.keys() | now.keys()) if was.get(k) != now.get(k)]
        elif was != now:
            found.append(key)
    return found
