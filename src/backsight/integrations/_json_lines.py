"""JSON lines: a file that any language reads, line by line, while it grows."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.errors import SettingError
from backsight.integrations._appended import AppendedFile
from backsight.signals import dumps

__all__ = ["JsonLines"]

DEFAULT = "values.jsonl"
"""The file in the run folder."""


class JsonLines:
    """A sink that writes a line of JSON for each iteration's numbers, each profile and each event.

    A line has ``iteration`` and one of ``scalars`` (numbers by signal), ``profiles`` (rows by
    signal), and ``event`` with ``body``. An iteration may have several lines. Numbers that are not
    finite are the words ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``, which ``float`` turns back.

    Args:
        to: the file to create; ``values.jsonl`` in the run folder by default.

    Raises:
        SettingError: the file exists already.

    Example:
        >>> from pathlib import Path
        >>> from backsight.integrations import JsonLines
        >>> sink = JsonLines("values.jsonl")
        >>> sink.open(Path("runs/mine"))
        >>> sink.scalars(7, {"loss": float("nan"), "lr": 0.1})
        >>> sink.close()
        >>> Path("values.jsonl").read_text()
        '{"iteration": 7, "scalars": {"loss": "NaN", "lr": 0.1}}\\n'
    """

    def __init__(self, to: Path | str | None = None) -> None:
        if to == "":
            raise SettingError("jsonl: needs a file after the colon, such as jsonl:mine.jsonl")
        self._path = None if to is None else Path(to).absolute()
        if self._path is not None and os.path.lexists(self._path):
            raise SettingError(f"{self._path} already exists: choose another file")
        self._file: AppendedFile | None = None

    def open(self, run: Path) -> None:
        """Create the file.

        Raises:
            OSError: it exists, or cannot be created.
        """
        self._file = AppendedFile(self._path or run / DEFAULT)

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """A line with the numbers of an iteration."""
        self._write({"iteration": iteration, "scalars": values})

    def profile(self, name: str, iteration: int, row: NDArray[np.floating[Any]]) -> None:
        """A line with a row."""
        self._write({"iteration": iteration, "profiles": {name: row}})

    def event(self, kind: str, iteration: int, body: Any) -> None:
        """A line with an event."""
        self._write({"iteration": iteration, "event": kind, "body": body})

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _write(self, content: Mapping[str, Any]) -> None:
        assert self._file is not None, "open comes first"
        self._file.append((dumps(content) + "\n").encode())
