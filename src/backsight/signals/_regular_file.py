"""Opening a file of a folder that somebody else may have made: a regular file inside it, or none.

A FIFO would wait for a writer, a device may do anything, and a link may lead to a file that the
folder's owner may not read but we may: none of them is opened.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from backsight.errors import RunError

__all__ = ["MAX_BYTES", "check_regular", "exists", "open_regular", "read_regular"]

MAX_BYTES = 16 << 20
"""The largest file of JSON that is read. The largest that a study of 10,000 trials writes is a
twentieth of that."""

KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link to itself",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def exists(file: Path) -> bool:
    """Whether there is anything under that name, a link that leads nowhere included.

    Raises:
        OSError: the folder cannot be searched.

    Example:
        >>> from pathlib import Path
        >>> from backsight.signals import exists
        >>> Path("there").symlink_to("nowhere")
        >>> exists(Path("there")), exists(Path("nowhere"))
        (True, False)
    """
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def check_regular(file: Path) -> Path:
    """See that ``file`` is a regular file, or a link to one in the same folder or below.

    Returns:
        the path to open.

    Raises:
        RunError: it is something else, or a link that leaves the folder.
        OSError: it is missing, or cannot be looked at.
    """
    found = file.lstat()
    path = file
    if stat.S_ISLNK(found.st_mode):
        # realpath raises nothing for a link to itself, where Path.resolve does.
        folder, path = Path(os.path.realpath(file.parent)), Path(os.path.realpath(file))
        if not path.is_relative_to(folder):
            raise RunError(
                f"{file} is a link that leaves its folder, and was not opened: expected a regular "
                "file"
            )
        found = path.lstat()
    _refuse_others(file, found)
    return path


def open_regular(file: Path) -> BinaryIO:
    """Open ``file`` for reading, where :func:`check_regular` lets it pass.

    Raises:
        RunError: it is no regular file, or a link that leaves the folder.
        OSError: it is missing, or cannot be opened.

    Example:
        >>> from pathlib import Path
        >>> from backsight.signals import open_regular
        >>> written = Path("plan.txt").write_text("lr=0.1")
        >>> with open_regular(Path("plan.txt")) as file:
        ...     print(file.read())
        b'lr=0.1'
    """
    path = check_regular(file)
    # Whoever swaps the file between the check and this gains nothing: no link is followed, and
    # nothing is waited for.
    flags = os.O_RDONLY
    for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    handle = os.open(path, flags)
    try:
        _refuse_others(file, os.fstat(handle))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(file: Path, limit: int = MAX_BYTES) -> bytes:
    """What ``file`` holds, as far as it is a regular file of at most ``limit`` bytes.

    Raises:
        RunError: it is no such file, or larger.
        OSError: it is missing, or cannot be read.
    """
    with open_regular(file) as opened:
        content = opened.read(limit + 1) if os.fstat(opened.fileno()).st_size <= limit else None
    if content is None or len(content) > limit:
        raise RunError(
            f"{file} is damaged: it is larger than {limit >> 20} MiB, which Backsight never writes"
        )
    return content


def _refuse_others(file: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        what = KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise RunError(f"{file} is {what}, and was not opened: expected a regular file")
