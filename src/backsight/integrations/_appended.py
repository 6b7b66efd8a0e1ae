"""A new file that grows by whole records: a disk that is full leaves no part of one."""

from contextlib import suppress
from io import FileIO
from pathlib import Path

__all__ = ["AppendedFile"]


class AppendedFile:
    """A new file, without a buffer: whoever reads it sees each record at once.

    Args:
        path: the file to create, with the folders above it.

    Raises:
        OSError: it exists, or cannot be created.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = FileIO(path, "x")
        self._size = 0

    def append(self, record: bytes) -> None:
        """Write all of a record, or nothing of it.

        Raises:
            OSError: the disk takes no more.
        """
        try:
            written = 0
            while written < len(record):
                written += self._file.write(record[written:])
        except OSError:
            with suppress(OSError):
                self._file.truncate(self._size)
                self._file.seek(self._size)
            raise
        self._size += len(record)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
