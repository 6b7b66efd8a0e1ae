"""Files that are whole or not there: written under another name first, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["clear_halves", "replacing", "write_atomically"]

HALF = ".half"
"""How the other name ends. It begins with a dot, and holds the number of the writing process."""


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Write ``file`` anew: a reader sees the old content or all of the new, never a part.

    The content is on the disk before the name is, so that a power cut cannot leave an empty file
    under it. Where the block raises, or the disk takes no more, nothing is left of the half and
    what stood under the name stays.

    Args:
        file: in a folder that exists.

    Yields:
        the path to write to, in the same folder.

    Raises:
        OSError: it cannot be written.

    Example:
        >>> from pathlib import Path
        >>> from backsight.signals import replacing
        >>> Path("plan.txt").touch()
        >>> with replacing(Path("plan.txt")) as half:
        ...     size = half.write_text("lr=0.1")
        ...     print(repr(Path("plan.txt").read_text()))
        ''
        >>> Path("plan.txt").read_text()
        'lr=0.1'
    """
    half = file.with_name(f".{file.name}.{os.getpid()}{HALF}")
    try:
        yield half
        with half.open("r+b") as written:
            os.fsync(written.fileno())
        half.replace(file)
    except BaseException:
        with suppress(OSError):
            half.unlink()
        raise
    _sync_folder(file.parent)


def write_atomically(file: Path, content: bytes) -> None:
    """Write ``content`` to ``file``, as :func:`replacing` does.

    Raises:
        OSError: it cannot be written; what stood there stays.

    Example:
        >>> from pathlib import Path
        >>> from backsight.signals import write_atomically
        >>> write_atomically(Path("plan.txt"), b"lr=0.1")
        >>> Path("plan.txt").read_text()
        'lr=0.1'
    """
    with replacing(file) as half:
        half.write_bytes(content)


def clear_halves(folder: Path) -> None:
    """Remove what killed writers have left in ``folder``, in which nobody else may be writing.

    Example:
        >>> from pathlib import Path
        >>> from backsight.signals import clear_halves
        >>> Path(".plan.json.4711.half").touch()
        >>> clear_halves(Path())
        >>> list(Path().iterdir())
        []
    """
    for left in folder.glob(f".*{HALF}"):
        left.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut, where the file system can."""
    if os.name != "posix":
        return
    with suppress(OSError):  # the file is there: some network file systems sync no folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
