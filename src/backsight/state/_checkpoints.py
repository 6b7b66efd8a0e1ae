"""Checkpoints on disk: whole or not there, verified when read, and never able to execute code.

::

    BACKSIGHT CHECKPOINT <SHA-256 of everything after this line>
    {"format": 1, "iteration": 500, "score": 1.83}
    <torch.save of the state>

The digest comes first and will stay so: torch's own reader does not check every byte, and what a
header says (a newer format, say) may be believed only when nothing in the file has changed.
"""

import hashlib
import io
import json
import logging
import math
import pickle
import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from backsight.errors import RunError, SettingError
from backsight.signals import clear_halves, open_regular, replacing

__all__ = ["Checkpoint", "Checkpoints", "load_checkpoint"]

_log = logging.getLogger("backsight")

FORMAT = 1
"""Version of what the state holds and how; a reader refuses a newer one."""

MAGIC = b"BACKSIGHT CHECKPOINT "
LINE = 4096
"""Bytes that a line of the head may have."""

NAME = re.compile(r"iteration-(\d+)\.ckpt")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One that was read and found whole.

    Example:
        >>> import torch
        >>> from backsight.state import Checkpoints
        >>> checkpoints = Checkpoints("checkpoints")
        >>> path = checkpoints.save(10, {"weights": torch.ones(2)}, score=1.5)
        >>> checkpoint = checkpoints.load()
        >>> checkpoint.iteration, checkpoint.score, checkpoint.state
        (10, 1.5, {'weights': tensor([1., 1.])})
    """

    path: Path
    iteration: int
    """Iterations that were done."""
    score: float | None
    """Its validation loss, where there was one."""
    state: dict[str, Any]
    """As saved; tensors are on the CPU."""


class _DamagedError(Exception):
    """This file cannot be used; the one before may."""


class Checkpoints:
    """The checkpoints of a run: the last few, and the best.

    One process writes; any may read.

    Args:
        folder: where they lie; made when the first one is saved.
        keep: how many of the newest stay. The one with the lowest score stays besides.

    Raises:
        SettingError: ``keep`` is not a whole number of at least 1.

    Example:
        >>> from backsight.state import Checkpoints
        >>> checkpoints = Checkpoints("checkpoints", keep=2)
        >>> for iteration, loss in [(10, 1.0), (20, 3.0), (30, 2.0), (40, 4.0)]:
        ...     path = checkpoints.save(iteration, {}, score=loss)
        >>> [path.name for path in checkpoints.paths]  # the newest two, and the best
        ['iteration-000000040.ckpt', 'iteration-000000030.ckpt', 'iteration-000000010.ckpt']
        >>> checkpoints.load().iteration
        40
    """

    def __init__(self, folder: Path | str, *, keep: int = 3) -> None:
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 1:
            raise SettingError(f"keep must be a whole number of at least 1, not {keep!r}")
        self.folder = Path(folder)
        self.keep = keep
        self._complained = False

    @property
    def paths(self) -> tuple[Path, ...]:
        """Those there are, the newest first, unread."""
        try:
            found = [(int(m[1]), p) for p in self.folder.iterdir() if (m := NAME.fullmatch(p.name))]
        except FileNotFoundError:
            return ()
        return tuple(path for _, path in sorted(found, reverse=True))

    @property
    def best(self) -> Path | None:
        """The one with the lowest score, the older of two; None where none has a finite one."""
        scored = [(score, path) for path in self.paths if (score := _score(path)) is not None]
        return min(scored)[1] if scored else None

    def save(
        self, iteration: int, state: Mapping[str, Any], *, score: float | None = None
    ) -> Path | None:
        """Write a checkpoint, then let go of those that are no longer kept.

        A disk that takes nothing costs the checkpoint, not the training: it is said once, those
        before stay, and nothing half is left.

        Args:
            iteration: iterations that are done.
            state: by name; numbers, strings, None, tensors, and lists, tuples and dicts of them.
            score: what the best one is chosen by, lower is better; not finite counts as none.

        Returns:
            the file, or None where it could not be written.

        Raises:
            SettingError: ``state`` holds what could not be loaded without executing code.
        """
        _check_plain(dict(state), "")
        score = score if score is not None and math.isfinite(score) else None
        head = {"format": FORMAT, "iteration": iteration, "score": score}
        content = io.BytesIO()
        content.write(json.dumps(head).encode() + b"\n")
        torch.save(dict(state), content)
        digest = hashlib.sha256(content.getbuffer()).hexdigest()
        path = self.folder / f"iteration-{iteration:09d}.ckpt"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            clear_halves(self.folder)  # one process writes
            with replacing(path) as half, half.open("wb") as file:
                file.write(MAGIC + digest.encode() + b"\n")
                file.write(content.getbuffer())
        except OSError as error:
            if not self._complained:
                self._complained = True
                _log.warning(
                    "backsight: cannot write the checkpoint of iteration %d (%s): training "
                    "continues, and earlier checkpoints are kept",
                    iteration,
                    error.strerror or error,
                )
            return None
        self._complained = False
        kept = {*self.paths[: self.keep], self.best}
        self._remove([old for old in self.paths if old not in kept])
        return path

    def load(self) -> Checkpoint:
        """The newest one that is whole; of each that is not it is said that it was passed over.

        Raises:
            RunError: there is none, all are damaged, or the newest whole one is from a newer
                version or would execute code.
        """
        paths = self.paths
        for path in paths:
            try:
                return _read(path)
            except _DamagedError as error:
                _log.warning("backsight: skipped %s: %s", path, error)
        if not paths:
            raise RunError(f"{self.folder} contains no checkpoint")
        raise RunError(f"{self.folder}: all checkpoints ({len(paths)}) are damaged")

    def drop_after(self, iteration: int) -> None:
        """Remove those past ``iteration``: a run that goes on from there makes its own."""
        names = [(path, NAME.fullmatch(path.name)) for path in self.paths]
        self._remove([path for path, match in names if match and int(match[1]) > iteration])

    @staticmethod
    def _remove(paths: list[Path]) -> None:
        for path in paths:
            with suppress(OSError):  # one too many does no harm
                path.unlink()


def load_checkpoint(path: Path) -> Checkpoint:
    """One checkpoint, by its file.

    Raises:
        RunError: it is missing, damaged, from a newer version, or would execute code.

    Example:
        >>> from backsight.state import Checkpoints, load_checkpoint
        >>> path = Checkpoints("checkpoints").save(10, {"lr": 0.1})
        >>> load_checkpoint(path).state
        {'lr': 0.1}
    """
    try:
        return _read(path)
    except _DamagedError as error:
        raise RunError(f"cannot start from {path}: {error}") from error


def _read(path: Path) -> Checkpoint:
    try:
        with open_regular(path) as file:
            data = file.read()
    except RunError as error:
        raise _DamagedError(str(error)) from error
    except OSError as error:
        raise _DamagedError(f"it cannot be read ({error.strerror or error})") from error
    first, _, rest = data.partition(b"\n")
    if not first.startswith(MAGIC):
        raise _DamagedError("it is not a Backsight checkpoint, or its header is damaged")
    if hashlib.sha256(rest).hexdigest().encode() != first[len(MAGIC) :]:
        raise _DamagedError("it is damaged or truncated (its checksum differs)")
    line, _, content = rest.partition(b"\n")
    try:
        head = json.loads(line)
        if head["format"] > FORMAT:
            raise RunError(
                f"{path} was written by a newer Backsight (format {head['format']}; this version "
                f"reads formats up to {FORMAT}): upgrade with pip install -U backsight"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a forged file: it is refused, or it is not
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        return Checkpoint(path, head["iteration"], head["score"], dict(state))
    except pickle.UnpicklingError as error:
        raise RunError(
            f"{path} was not loaded: it contains objects that could execute code, which Backsight "
            "never writes; nothing was executed, but do not trust the source of this file"
        ) from error
    except RunError:
        raise
    except Exception as error:  # whatever a forged file makes of torch's reader
        raise RunError(
            f"{path} has a valid checksum, but Backsight did not write its content ({error!r})"
        ) from error


def _score(path: Path) -> float | None:
    """As the head has it, unverified: what is loaded is checked."""
    try:
        with open_regular(path) as file:
            file.readline(LINE)
            score = json.loads(file.readline(LINE)).get("score")
    except (OSError, RunError, ValueError, AttributeError, RecursionError):
        return None
    return float(score) if isinstance(score, (int, float)) else None


def _check_plain(value: Any, where: str) -> None:
    """Refuse now what ``weights_only`` would refuse when it is needed."""
    kind = type(value)  # exactly: np.float64 is a float, and would be refused
    if isinstance(value, Mapping):
        for key, part in value.items():
            _check_plain(key, where)
            _check_plain(part, f"{where}.{key}" if where else str(key))
    elif kind in (list, tuple):
        for part in value:
            _check_plain(part, where)
    elif kind not in (int, float, bool, str, type(None), Tensor, nn.Parameter):
        raise SettingError(
            f"a checkpoint can hold only numbers, strings, tensors, and lists and dicts of them, "
            f"but {where or 'the state'} is a {kind.__module__}.{kind.__name__}"
        )
