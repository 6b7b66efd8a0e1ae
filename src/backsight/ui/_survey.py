"""The table of runs, kept up to date: what has changed is read again, and nothing else."""

import threading
import time
from dataclasses import dataclass, field

from backsight.report import Kept, keeping
from backsight.ui._index import FolderIndex, RunPlace
from backsight.ui._run_row import RunRow, Stamp, first_row, run_row, stamp_of
from backsight.ui._study_row import study_row
from backsight.ui._wire import json_bytes

__all__ = ["Survey"]

BUSY = 10.0
"""Times what reading a row took, that the row then rests."""

AGAIN = 15.0
"""Seconds after which a run that does not change is looked at again: its writer may be gone."""


ENDED = ("finished", "failed", "interrupted", "killed")
"""States of a run to which nothing is written any more."""


@dataclass(slots=True)
class _Entry:
    """A row, and what it was read from."""

    row: RunRow
    encoded: bytes
    """The row as JSON: a page asks for a thousand of them, of which few have changed."""
    version: int
    stamp: Stamp | None = None
    changed: int = 0
    """When its folder last changed by then."""
    read_at: float = -1e9
    cost: float = 0.0


@dataclass(slots=True)
class _State:
    rows: dict[str, _Entry] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    """By key, the version from which it was no longer there."""
    version: int = 0


class Survey:
    """Rows of all runs and studies, each with the version in which it last changed.

    Args:
        index: where they are.
        kept: what is known of long runs; shared with whoever draws them.
    """

    def __init__(self, index: FolderIndex, kept: Kept | None = None) -> None:
        self.index = index
        self._kept = kept or Kept()
        self._state = _State()
        self._lock = threading.Lock()
        self._reading = threading.Lock()

    @property
    def version(self) -> int:
        """It grows whenever a row changes, comes or goes."""
        return self._state.version

    def find(self) -> None:
        """Look which folders there are; new ones get a row that says no more than that."""
        places = self.index.scan()
        with self._lock:
            state = self._state
            come = [key for key in places if key not in state.rows]
            gone = [key for key in state.rows if key not in places]
            if come or gone:
                state.version += 1
            for key in come:
                row = first_row(places[key])
                state.rows[key] = _Entry(row, json_bytes(row), state.version)
                state.gone.pop(key, None)
            for key in gone:
                del state.rows[key]
                state.gone[key] = state.version

    def read(self, seconds: float = 1.0) -> bool:
        """Read what has changed, for so long at most.

        Returns:
            whether everything was read.
        """
        with self._reading, keeping(self._kept):
            began = time.monotonic()
            for key, entry in list(self._state.rows.items()):
                if time.monotonic() - began > seconds:
                    return False
                try:
                    place = self.index[key]
                except KeyError:
                    continue
                self._read_one(place, entry)
            return True

    def _read_one(self, place: RunPlace, entry: _Entry) -> None:
        if entry.row["state"] in ENDED and entry.changed == place.changed:
            return  # who goes on with a run replaces its run.json
        now = time.monotonic()
        if now - entry.read_at < BUSY * entry.cost:
            return
        stamp = stamp_of(place.path) if place.kind == "run" else None
        old = now - entry.read_at > AGAIN and entry.row["state"] not in ENDED
        if stamp is not None and stamp == entry.stamp and not old:
            return
        row = run_row(place) if place.kind == "run" else study_row(place)
        encoded = json_bytes(row)
        with self._lock:
            entry.stamp, entry.changed = stamp, place.changed
            entry.read_at, entry.cost = now, time.monotonic() - now
            if encoded != entry.encoded:
                self._state.version += 1
                entry.row, entry.encoded, entry.version = row, encoded, self._state.version

    def since(self, version: int) -> bytes:
        """Rows that have changed after that version, and the keys of those that went, as JSON."""
        with self._lock:
            state = self._state
            rows = [e.encoded for e in state.rows.values() if e.version > version]
            rest = {
                "version": state.version,
                "gone": [key for key, at in state.gone.items() if at > version],
                "problems": list(self.index.problems),
                "missing": list(self.index.missing),
                "hidden": self.index.hidden,
                "folders": [str(root.path) for root in self.index.roots],
                "now": time.time(),
            }
        return b'{"rows": [' + b", ".join(rows) + b"], " + json_bytes(rest)[1:]
