"""Which run and study folders there are, found again by a key that names them in links.

A key is looked up among the folders that were found; no path is ever made from one. What has not
changed costs one look at it, and among many folders that are no runs only some are looked at each
time.
"""

import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal

from backsight.signals import exists

__all__ = ["FolderIndex", "Root", "RunPlace"]

RUN_FILES = ("run.json", "signals.db")
STUDY_FILES = ("study.json", "map.json")

RUNS = "runs"
"""Where trials of a study are, and runs that are not placed elsewhere."""

SETTLED = 60.0
"""Seconds without a change after which a folder that is no run has time to wait for its turn."""

SURE = 2.0
"""Seconds without a change after which another one is seen in the time of the last change."""

TURN = 500
"""Settled folders that are no runs and are looked at each time."""

FolderKind = Literal["run", "study", "map"]


@dataclass(frozen=True, slots=True)
class Root:
    """A folder whose runs are shown."""

    label: str
    """First part of the keys of its folders; empty where it is the only one."""
    path: Path


@dataclass(frozen=True, slots=True)
class RunPlace:
    """A folder of a run, a study or a map."""

    key: str
    """What links name it by: its path below the root, or a digest where no link can hold that."""
    name: str
    path: Path
    kind: FolderKind
    study: str = ""
    """The key of the study whose trial it is."""
    changed: int = 0
    """When anything last came, went or was replaced in it, in nanoseconds."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What a folder was when it was looked at, and when it last changed by then."""

    changed: int
    kind: FolderKind | None
    seen: float
    """When it was looked at, in seconds since the epoch."""
    problem: str = ""
    """Why nobody knows what it is."""

    def has_settled(self, seconds: float) -> bool:
        """Whether it had not changed for so long by then."""
        return self.seen - self.changed / 1e9 > seconds


@dataclass(frozen=True, slots=True)
class _Listing:
    """The folders in a folder, as of a change of it; links are followed each time."""

    of: _Known
    entries: tuple[tuple[str, str, bool], ...]
    """Name, path, and whether it is a link."""


class FolderIndex:
    """All run and study folders of some roots. Threads may share it.

    Args:
        folders: the roots.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.roots = tuple(_roots(folders))
        self._known: dict[str, _Known] = {}
        self._listings: dict[str, _Listing] = {}
        self._former: dict[str, _Listing] = {}
        """Those of the scan before."""
        self._scans = 0
        self._turns = 1
        """Scans in which all settled folders have had their turn."""
        self._settled = 0
        self._lock = threading.Lock()
        self._places: dict[str, RunPlace] = {}
        self.problems: tuple[str, ...] = ()
        """Why a root could not be read, in sentences."""
        self.missing: tuple[str, ...] = ()
        """Roots that do not exist yet."""
        self.hidden = ""
        """Which folders may hold runs that nobody can see, in a sentence."""

    def __getitem__(self, key: str) -> RunPlace:
        """The folder of that key, as of the last :meth:`scan`.

        Raises:
            KeyError: there is none.
        """
        return self._places[key]

    def scan(self) -> dict[str, RunPlace]:
        """Look at all roots again: by key, in the order of their names."""
        with self._lock:
            known: dict[str, _Known] = {}
            problems: list[str] = []
            missing: list[str] = []
            places: dict[str, RunPlace] = {}
            self._former, self._listings = self._listings, {}
            self._scans += 1
            self._turns, self._settled = max(1, -(-self._settled // TURN)), 0
            for root in self.roots:
                try:
                    for place in self._below(root, known):
                        places[place.key] = place
                except FileNotFoundError:
                    missing.append(str(root.path))
                except OSError as error:
                    problems.append(f"{root.path} cannot be read: {error.strerror or error}")
            self._known, self._places, self.problems = known, places, tuple(problems)
            self.missing = tuple(missing)
            self.hidden = _hidden(known, {str(root.path) for root in self.roots})
            return places

    def _below(self, root: Root, known: dict[str, _Known]) -> Iterator[RunPlace]:
        top = os.path.realpath(root.path)
        itself, changed = self._kind(str(root.path), known)
        if itself is not None:
            name = Path(top).name
            place = self._place(_key(root, name), name, str(root.path), itself, changed)
            yield place
            if itself != "run":
                yield from self._trials(root, place, name, top, known)
            return
        yield from self._inside(root, "", top, known)

    def _inside(
        self, root: Root, below: str, top: str, known: dict[str, _Known]
    ) -> Iterator[RunPlace]:
        """The folders in the root, or in its folder ``runs`` if it is no run itself.

        Whoever names the folder from which scripts are called means the runs in it.
        """
        for name, path in self._folders(root.path / below, top):
            kind, changed = self._kind(path, known)
            inside = f"{below}/{name}" if below else name
            if kind is not None:
                place = self._place(_key(root, inside), name, path, kind, changed)
                yield place
                if kind != "run":
                    yield from self._trials(root, place, inside, top, known)
            elif inside == RUNS:
                with contextlib.suppress(OSError):  # it cannot be read: no run of it is shown
                    yield from self._inside(root, RUNS, top, known)

    def _trials(
        self, root: Root, study: RunPlace, below: str, top: str, known: dict[str, _Known]
    ) -> Iterator[RunPlace]:
        folder = study.path / RUNS
        if not Path(os.path.realpath(folder)).is_relative_to(top):
            return
        try:
            folders = list(self._folders(folder, top))
        except OSError:  # it has none yet
            return
        for name, path in folders:
            kind, changed = self._kind(path, known)
            if kind == "run":
                inside = f"{below}/{RUNS}/{name}"
                yield self._place(_key(root, inside), name, path, kind, changed, study.key)

    def _place(
        self, key: str, name: str, path: str, kind: FolderKind, changed: int, study: str = ""
    ) -> RunPlace:
        """That of the scan before where nothing changed: making a thousand paths takes longer than
        all else that a scan does."""
        former = self._places.get(key)
        if former and (former.kind, former.changed, former.study) == (kind, changed, study):
            return former
        return RunPlace(key, name, Path(path), kind, study, changed)

    def _kind(self, path: str, known: dict[str, _Known]) -> tuple[FolderKind | None, int]:
        """What a folder is, asked again only where something came or went in it; and when."""
        before = self._known.get(path)
        if before is not None and before.kind is None and before.has_settled(SETTLED):
            self._settled += 1
            if (self._settled + self._scans) % self._turns:
                known[path] = before
                return None, before.changed
        now = time.time()
        try:
            changed = _changed(path)
        except OSError:
            return None, 0
        if before is None or before.changed != changed or not before.has_settled(SURE):
            before = _known_of(path, changed, now)
        elif before.kind is None:
            before = replace(before, seen=now)
        known[path] = before
        return before.kind, changed

    def _folders(self, path: Path, top: str) -> Iterator[tuple[str, str]]:
        """Names and paths of the folders in it, sorted; a link that leads out of ``top`` is none.

        Raises:
            OSError: it cannot be read.
        """
        now, changed = time.time(), _changed(str(path))
        listing = self._former.get(str(path))
        if listing is None or listing.of.changed != changed or not listing.of.has_settled(SURE):
            listing = _Listing(_Known(changed, None, now), tuple(_listed(path)))
        self._listings[str(path)] = listing
        for name, inside, is_link in listing.entries:
            if not is_link or _leads_to_folder(inside, top):
                yield name, inside


def _hidden(known: dict[str, _Known], roots: set[str]) -> str:
    found = [(path, one.problem) for path, one in known.items() if one.problem]
    found = [(path, why) for path, why in found if path not in roots]
    if not found:
        return ""
    (path, why), more = found[0], len(found) - 1
    others = f" and {more:,} more folder{'s' * (more > 1)}" if more else ""
    return f"{path}{others} cannot be searched ({why}): if a run is there, it is not shown"


def _changed(path: str) -> int:
    """When anything last came, went or was replaced in a folder, or who may read it changed."""
    found = os.stat(path)  # noqa: PTH116 - a path that is made of it takes five times as long
    return max(found.st_mtime_ns, found.st_ctime_ns)


def _known_of(path: str, changed: int, now: float) -> _Known:
    try:
        return _Known(changed, _kind_of(Path(path)), now)
    except OSError as error:
        return _Known(changed, None, now, error.strerror or str(error))


def _kind_of(path: Path) -> FolderKind | None:
    """What a folder is.

    Raises:
        OSError: it may not be searched, so that nobody knows.
    """
    if any(exists(path / file) for file in RUN_FILES):
        return "run"
    for file in STUDY_FILES:
        if exists(path / file):
            return "study" if file == "study.json" else "map"
    return None


def _listed(path: Path) -> Iterator[tuple[str, str, bool]]:
    """Names, paths and whether it is a link, of the folders in it and of all links, sorted.

    Raises:
        OSError: it cannot be read.
    """
    with os.scandir(path) as entries:
        found = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    for entry in found:
        with contextlib.suppress(OSError):
            if entry.is_symlink() or entry.is_dir(follow_symlinks=False):
                yield entry.name, entry.path, entry.is_symlink()


def _leads_to_folder(path: str, top: str) -> bool:
    """Whether a link leads to a folder in ``top``."""
    try:
        true = Path(os.path.realpath(path))
        return true.is_relative_to(top) and true.is_dir()
    except OSError:
        return False


def _roots(folders: Iterable[Path]) -> Iterator[Root]:
    """With labels that tell them apart; one that is given twice counts once."""
    several = list({os.path.realpath(folder): folder for folder in folders}.items())
    labels: set[str] = set()
    for true, folder in several:
        label = ""
        if len(several) > 1:
            stem = _plain(Path(true).name or "root")
            label, number = stem, 1
            while label in labels:
                number += 1
                label = f"{stem}-{number}"
            labels.add(label)
        yield Root(label, folder)


def _key(root: Root, inside: str) -> str:
    return f"{root.label}/{_plain(inside)}" if root.label else _plain(inside)


def _plain(name: str) -> str:
    """Itself, or a digest where a link cannot hold it: no UTF-8, or control characters."""
    if name.isprintable():
        return name
    return f"~{sha256(name.encode(errors='surrogateescape')).hexdigest()[:16]}"
