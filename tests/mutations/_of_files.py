"""Puts something else in a file's place, and gives folders odd names."""

import os
import shutil
import socket
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

__all__ = ["ODD_NAMES", "WAYS", "replace_file", "socket_at"]

ODD_NAMES = (
    "a b", " ", "a ", "-rf", "--json", "~", "$HOME", "a#b", "a?mode=rwc&vfs=x", "a%20b%00",
    "file:a", "a'b\"c", "[red]a[bold]", "a\nb", "a\tb", "\x1b[2Ja", "a\u202eb", "🙂", "é",
    "e\u0301", "<script>alert(1)", "a&b<c>", "{{ 7 * 7 }}", "{0}%s",
    "CON", "nul", "...", "a\\b", "run.json",
    "signals.db", "x" * 255, "\udcff", "\u2028", "*", "`id`", ";ls", "|", "\x7f", "%(prog)s",
)  # fmt: skip


def socket_at(path: Path) -> None:
    """A socket; its path has room for 100 characters."""
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(path.parent)
        with closing(socket.socket(socket.AF_UNIX)) as made:
            made.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


def missing(file: Path) -> None:
    """Nothing."""


def empty(file: Path) -> None:
    file.write_bytes(b"")


def fifo(file: Path) -> None:
    os.mkfifo(file)


def folder(file: Path) -> None:
    file.mkdir()


def full_folder(file: Path) -> None:
    file.mkdir()
    (file / "run.json").write_text("{}")


def device(file: Path) -> None:
    """As /dev/zero; where that is not ours to make, a link to it."""
    try:
        os.mknod(file, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        file.symlink_to("/dev/zero")


def link_to_device(file: Path) -> None:
    file.symlink_to("/dev/zero")


def link_to_nothing(file: Path) -> None:
    file.symlink_to("nothing")


def link_to_itself(file: Path) -> None:
    file.symlink_to(file.name)


def link_outside(file: Path) -> None:
    file.symlink_to("/etc/passwd")


def link_to_folder(file: Path) -> None:
    file.symlink_to(".")


def link_to_parent(file: Path) -> None:
    file.symlink_to("..")


def sparse(file: Path) -> None:
    """A hole of 100 MB."""
    with file.open("wb") as opened:
        opened.truncate(100 << 20)


def text(file: Path) -> None:
    file.write_text("hello\n")


WAYS: tuple[Callable[[Path], None], ...] = (
    missing, empty, fifo, folder, full_folder, socket_at, device, link_to_device, link_to_nothing,
    link_to_itself, link_outside, link_to_folder, link_to_parent, sparse, text,
)  # fmt: skip


def replace_file(file: Path, random: Random) -> str:
    """Put something else in the place of a file or a folder, and say what."""
    if random.random() < 0.1:  # a link that stays inside: nothing is wrong with it
        true = file.with_name("true " + file.name)
        file.rename(true)
        file.symlink_to(true.name)
        return "a link inside"
    if random.random() < 0.1:
        file.chmod(random.choice((0o000, 0o200, 0o444)))
        return "not to be read"
    if file.is_dir():
        shutil.rmtree(file)
    else:
        file.unlink(missing_ok=True)
    way = random.choice(WAYS)
    way(file)
    return way.__name__
