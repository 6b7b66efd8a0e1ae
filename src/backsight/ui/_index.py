"""Which run and study folders there are, found again by a key that names them in links.

A key is looked up among the folders that were found; no path is ever made from one. A folder that
has not changed costs one look at it.
"""

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from backsight.signals import exists

__all__ = ["FolderIndex", "Root", "RunPlace"]

RUN_FILES = ("run.json", "signals.db")
STUDY_FILES = ("study.json", "map.json")

RUNS = "runs"
"""Where trials of a study are, and runs that are not placed elsewhere."""

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


class FolderIndex:
    """All run and study folders of some roots. Threads may share it.

    Args:
        folders: the roots.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.roots = tuple(_roots(folders))
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()
        self._places: dict[str, RunPlace] = {}
        self.problems: tuple[str, ...] = ()
        """Why a root could not be read, in sentences."""

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
            places: dict[str, RunPlace] = {}
            for root in self.roots:
                try:
                    for place in self._below(root, known):
                        places[place.key] = place
                except FileNotFoundError:
                    problems.append(f"{root.path} does not exist yet")
                except OSError as error:
                    problems.append(f"{root.path} cannot be read: {error.strerror or error}")
            self._known, self._places, self.problems = known, places, tuple(problems)
            return places

    def _below(self, root: Root, known: dict[str, _Known]) -> Iterator[RunPlace]:
        top = os.path.realpath(root.path)
        itself, changed = self._kind(str(root.path), known)
        if itself is not None:
            name = Path(top).name
            place = RunPlace(_key(root, name), name, root.path, itself, changed=changed)
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
        for name, path in _folders(root.path / below, top):
            kind, changed = self._kind(path, known)
            inside = f"{below}/{name}" if below else name
            if kind is not None:
                place = RunPlace(_key(root, inside), name, Path(path), kind, changed=changed)
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
            folders = list(_folders(folder, top))
        except OSError:  # it has none yet
            return
        for name, path in folders:
            kind, changed = self._kind(path, known)
            if kind == "run":
                inside = f"{below}/{RUNS}/{name}"
                yield RunPlace(_key(root, inside), name, Path(path), kind, study.key, changed)

    def _kind(self, path: str, known: dict[str, _Known]) -> tuple[FolderKind | None, int]:
        """What a folder is, asked again only where something came or went in it; and when."""
        try:
            changed = Path(path).stat().st_mtime_ns
        except OSError:
            return None, 0
        before = self._known.get(path)
        if before is None or before.changed != changed:
            before = _Known(changed, _kind_of(Path(path)))
        known[path] = before
        return before.kind, changed


def _kind_of(path: Path) -> FolderKind | None:
    try:
        if any(exists(path / file) for file in RUN_FILES):
            return "run"
        for file in STUDY_FILES:
            if exists(path / file):
                return "study" if file == "study.json" else "map"
    except OSError:
        # It may not be searched, so that nobody knows what it is.
        return None
    return None


def _folders(path: Path, top: str) -> Iterator[tuple[str, str]]:
    """Names and paths of the folders in it, sorted; a link that leads out of ``top`` is none.

    Raises:
        OSError: it cannot be read.
    """
    with os.scandir(path) as entries:
        found = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    for entry in found:
        try:
            if entry.is_symlink():
                true = Path(os.path.realpath(entry.path))
                if not true.is_relative_to(top) or not true.is_dir():
                    continue
            elif not entry.is_dir(follow_symlinks=False):
                continue
        except OSError:
            continue
        yield entry.name, entry.path


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
