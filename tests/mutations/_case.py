"""One damage to one folder, what every reader makes of it, and what is to be thought of that."""

import faulthandler
import os
import shutil
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType
from typing import Literal

from backsight.errors import BacksightError
from backsight.signals import family, member
from tests.mutations._of_bytes import damage_bytes
from tests.mutations._of_files import ODD_NAMES, replace_file
from tests.mutations._of_json import damage_json
from tests.mutations._of_sql import damage_events, damage_sql
from tests.mutations._readers import Content, readers
from tests.mutations._subjects import Subject

__all__ = ["DAMAGES", "HANGS", "Judgement", "Outcome", "judge"]

Outcome = Literal["refused", "unharmed", "earlier", "traceback", "hang", "other"]
"""Of all readers the worst: it refuses in a sentence; it gives what was recorded; it gives what was
recorded up to an earlier commit; it fails with a traceback; it waits; it gives something else."""

HANGS = 100
"""Seconds, far beyond what any reader takes: SQLite is given up after 30."""

HARMLESS = ("report.html", "page.html")


@dataclass(frozen=True)
class Judgement:
    """What came of a case."""

    damage: str
    """How the folder was damaged, in words."""
    outcome: Outcome
    details: str = ""
    """Of the worst reader."""

    @property
    def bad(self) -> bool:
        """Whether this must not happen."""
        return self.outcome in ("traceback", "hang", "other")


def _bytes(path: Path, random: Random) -> Path:
    return _damaged(path, _choose(path, random), damage_bytes, random)


def _json(path: Path, random: Random) -> Path:
    return _damaged(path, _choose(path, random, (".json",)), damage_json, random)


def _sql(path: Path, random: Random) -> Path:
    return _damaged(path, _choose(path, random, (".db",)), damage_sql, random)


def _events(path: Path, random: Random) -> Path:
    return _damaged(path, _choose(path, random, (".db",)), damage_events, random)


def _kinds(path: Path, random: Random) -> Path:
    choices = [one for one in sorted(path.rglob("*")) if not one.name.endswith("-shm")]
    return _damaged(path, random.choice([*choices, path]), replace_file, random)


def _beside(path: Path, random: Random) -> Path:
    """Something beside a store or a file of JSON that should not be there."""
    near = _choose(path, random, (".db", ".json", ".npz"))
    name = random.choice(
        (near.name + "-wal", near.name + "-journal", near.name + "-shm", "remedies.json",
         "report.html", "checkpoints", "part-9999.npz", "runs", "trials", ".lock", "map.html")
    )  # fmt: skip
    beside = near.with_name(name)
    if not beside.exists():
        beside.write_bytes(random.choice((b"", b"\0" * 5000, near.read_bytes())))
    ways = (replace_file, _leave) if beside.is_dir() else (replace_file, damage_bytes, _leave)
    return _damaged(path, beside, random.choice(ways), random)


def _leave(file: Path, random: Random) -> str:
    return "put beside"


def _names(path: Path, random: Random) -> Path:
    """Another name for the folder, or for something in it."""
    below = sorted(one for one in path.rglob("*"))
    name = random.choice(ODD_NAMES)
    old = path if random.random() < 0.6 else random.choice(below)
    new = old.with_name(name)
    if not new.exists():
        old.rename(new)
    _Said.words = f"{old.relative_to(path.parent)} is named {name!r}"
    return new if old == path else path


DAMAGES: dict[str, Callable[[Path, Random], Path]] = {
    "bytes": _bytes,
    "SQL": _sql,
    "JSON": _json,
    "JSON of events": _events,
    "file kinds": _kinds,
    "files beside": _beside,
    "names": _names,
}
"""Each damages a folder, and returns where it is then."""


class _Said:
    words = ""


def _choose(path: Path, random: Random, endings: tuple[str, ...] = ()) -> Path:
    files = [one for one in sorted(path.rglob("*")) if one.is_file()]
    return random.choice([one for one in files if not endings or one.suffix in endings])


def _damaged(path: Path, file: Path, damage: Callable[[Path, Random], str], random: Random) -> Path:
    _Said.words = f"{file.relative_to(path.parent)}: {damage(file, random)}"
    return path


def fits(subject: Subject, kind: str) -> bool:
    """Whether such a folder can be damaged that way."""
    if subject.sort in ("map", "checkpoints") and kind in ("SQL", "JSON of events"):
        return False
    if kind == "JSON of events":  # a seal tells of any other text
        return not subject.sealed
    return subject.sort != "checkpoints" or kind not in ("JSON", "files beside")


def judge(
    subject: Subject, truth: dict[str, Content], kind: str, random: Random, place: Path
) -> Judgement:
    """Damage a copy of ``subject``, and read it by every reader.

    Args:
        subject: what is damaged.
        truth: what its readers say of it while it is whole.
        kind: of the damage, in ``DAMAGES``.
        random: chooses the damage.
        place: an empty folder, which is left empty.
    """
    path = subject.copy(place / "case")
    outcomes: list[tuple[int, Outcome, str]] = []
    try:
        path = DAMAGES[kind](path, random)
        damage = _Said.words
        for name, read in readers(subject).items():
            outcome, details = _outcome(subject, read, path, truth[name], damage)
            outcomes.append((RANK.index(outcome), outcome, f"{name}: {details}"))
            if outcome == "unharmed" and name == "Run" and ".db: " in damage:
                break  # where every value is what it was, so is what follows from them
    finally:
        _clear(place)
    _, outcome, details = max(outcomes)
    return Judgement(damage, outcome, details)


RANK: tuple[Outcome, ...] = ("unharmed", "earlier", "refused", "other", "hang", "traceback")


class _HangError(BaseException):
    """A reader that waits: no ``except Exception`` takes it for something else."""


def _outcome(
    subject: Subject, read: Callable[[Path], Content], path: Path, truth: Content, damage: str
) -> tuple[Outcome, str]:
    try:
        with _deadline():
            found = read(path)
    except BacksightError as error:
        words = str(error)
        if "\n" in words or len(words) > 2000:
            return "traceback", f"no single sentence: {words[:300]!r}"
        return "refused", words
    except _HangError:
        return "hang", f"more than {HANGS} s"
    except Exception:  # noqa: BLE001 - that is what is looked for
        return "traceback", traceback.format_exc()
    parts = [part for part in {**truth, **found} if _holds_values(part, damage)]
    differs = [part for part in parts if found.get(part) != truth.get(part)]
    if not differs:
        return "unharmed", ""
    told = f"{', '.join(differs)} differ"
    if differs == ["told"]:
        told += f": {found['told'][:2000]}\ninstead of {truth['told'][:2000]}"
    if "told" in differs and not subject.sealed:
        return "earlier", told
    if (not subject.sealed or "signals.db-wal" in damage) and _is_earlier(
        found, truth, events=subject.sealed
    ):
        return "earlier", told
    if all(part.startswith("row ") and _says_why(found.get(part)) for part in differs):
        return "refused", told
    return "other", told


def _holds_values(part: str, damage: str) -> bool:
    """Whether a part must be what it was.

    Settings and plans have no checksum: what follows from them as well may be another.
    """
    if part.startswith("row ") or part == "told":
        return "signals.db:" in damage or "/part-000" in damage
    return part.startswith(("signal ", "checkpoint")) or part == "events"


def _says_why(row: object) -> bool:
    """A point of a map that is not trained, or a trial that has failed or was not run."""
    return row is None or (isinstance(row, str) and ('"failed"' in row or '"not run"' in row))


def _is_earlier(found: Content, truth: Content, *, events: bool) -> bool:
    """Whether it is a beginning of what was recorded, signal by signal.

    Formats 1 and 2 do not tell what is missing at the end, nor anything of their events; a journal
    that was cut does not tell what came after.
    """
    if events and found["events"] != truth["events"][: len(found["events"])]:
        return False
    names = [name.removeprefix("signal ") for name in found if name.startswith("signal ")]
    for part in (f"signal {name}" for name in names if not _lost_its_reach(name, names)):
        (at, rows), (all_at, all_rows) = found[part], truth.get(part, (b"", []))
        if not all_rows or not all_at.startswith(at):
            return False
        ours, true = (b"".join(row for _, row in some) for some in (rows, all_rows))
        if not true.startswith(ours) or any(row[0] != all_rows[0][0] for row in rows):
            return False
    return True


def _lost_its_reach(name: str, names: Sequence[str]) -> bool:
    """Whether an early version recorded it relative to another step, and it cannot be redone."""
    derived = family(name) in ("half_life", "horizon", "growth_rate")
    return derived and f"reach/{member(name)}" not in names


@contextmanager
def _deadline() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise _HangError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANGS)
    faulthandler.dump_traceback_later(HANGS + 30, exit=False)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _clear(place: Path) -> None:
    for path in place.iterdir():
        if path.is_dir() and not path.is_symlink():
            for below in path.rglob("*"):
                if not below.is_symlink():
                    os.chmod(below, 0o700)  # noqa: PTH101
            shutil.rmtree(path)
        else:
            path.unlink()
