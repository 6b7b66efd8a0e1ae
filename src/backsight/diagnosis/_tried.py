"""The outcome of a study of remedies, stored with the run: ``remedies.json`` in its folder."""

import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from backsight.errors import RunError
from backsight.signals import (
    FORMAT,
    Count,
    Time,
    check,
    check_format,
    current_tried,
    read_object,
    write_json,
)

__all__ = ["Tried", "read_tried", "write_tried"]

NAME = "remedies.json"
AGAIN = "remove it, or run the study of remedies again"


@dataclass(frozen=True)
class Tried:
    """The outcome of one study of remedies.

    Example:
        >>> from backsight.diagnosis import Tried
        >>> tried = Tried(True, "clip", "A clip helps.", "", study="runs/study", iterations=100)
        >>> tried.remedy, tried.as_dict()["proven"]
        ('clip', True)
    """

    proven: bool
    remedy: str
    """The one that did most; empty where none helped."""
    message: str
    """What came of it, in sentences."""
    command: str
    """What trains with it; empty where there is nothing to recommend."""
    study: str
    """The study's folder."""
    iterations: int
    """That the run had when the study was made."""
    made: float = field(default_factory=time.time)
    """Seconds since the epoch."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``."""
        return asdict(self)


class _TriedFile(msgspec.Struct):
    """``remedies.json``, as this version writes it."""

    proven: bool
    remedy: str
    message: str
    command: str
    study: str
    iterations: Count
    made: Time


def write_tried(run: Path, tried: Tried) -> None:
    """Leave it with the run, in place of an older one.

    Raises:
        RunError: it cannot be written.

    Example:
        >>> from pathlib import Path
        >>> from backsight.diagnosis import Tried, read_tried, write_tried
        >>> from backsight.signals import Recorder
        >>> Recorder("runs/mine").close()
        >>> tried = Tried(True, "clip", "A clip helps.", "", study="runs/study", iterations=100)
        >>> write_tried(Path("runs/mine"), tried)
        >>> read_tried(Path("runs/mine")) == tried
        True
    """
    try:
        write_json(run / NAME, {"format": FORMAT, **tried.as_dict()})
    except OSError as error:
        raise RunError(f"cannot write {run / NAME}: {error.strerror or error}") from error


def read_tried(run: Path) -> Tried | None:
    """What was left with a run; None where nothing was.

    Raises:
        RunError: it is damaged, or from a newer version.

    Example:
        >>> from pathlib import Path
        >>> from backsight.diagnosis import read_tried
        >>> from backsight.signals import Recorder
        >>> Recorder("runs/mine").close()
        >>> print(read_tried(Path("runs/mine")))  # no study has treated it
        None
    """
    file = run / NAME
    try:
        content = read_object(file)
        check_format(content, file)
        content = current_tried({"remedy": None, **content})
        check(content, _TriedFile, str(file))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RunError(f"{file} cannot be read ({error.strerror or error}): {AGAIN}") from error
    except RunError as error:
        raise RunError(f"{error}; {AGAIN}") from error
    return Tried(**{one.name: content[one.name] for one in fields(Tried)})
