"""Files that are whole or not there."""

import os
from pathlib import Path
from typing import Any

import pytest

from backsight.signals import clear_halves, replacing, write_atomically


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_old_content_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("old")
    with replacing(file) as half:
        half.write_text("new, in ")
        assert file.read_text() == "old"
        assert half.parent == tmp_path
        assert half.name.startswith(".")
        with half.open("a") as more:
            more.write("two parts")
    assert file.read_text() == "new, in two parts"
    write_atomically(file, b"\x00\xff")
    assert file.read_bytes() == b"\x00\xff"
    assert names(tmp_path) == ["plan.json"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("there", [True, False])
def test_what_raises_leaves_what_stood_there_and_no_half(
    error: BaseException, there: bool, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    if there:
        file.write_text("old")

    def fail() -> None:
        with replacing(file) as half:
            half.write_text("ne")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert names(tmp_path) == ["page.html"] * there
    assert not there or file.read_text() == "old"


def test_the_content_is_on_the_disk_before_the_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, rename = os.fsync, Path.replace

    def synced(handle: int) -> None:
        done.append("sync")
        sync(handle)

    def renamed(self: Path, target: Any) -> Any:
        done.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    write_atomically(tmp_path / "file", b"whole")
    assert done == ["sync", "rename", *["sync"] * (os.name == "posix")]


def test_a_file_system_that_syncs_no_folder_keeps_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def refuses_folders(handle: int) -> None:
        if os.path.samestat(os.fstat(handle), tmp_path.stat()):
            raise OSError(22, "Invalid argument")
        sync(handle)

    monkeypatch.setattr(os, "fsync", refuses_folders)
    write_atomically(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_halves_of_killed_writers_are_cleared_and_nothing_else(tmp_path: Path) -> None:
    for name in (".a.ckpt.123.half", ".b.half", "c.half", ".d"):
        (tmp_path / name).write_text("")
    clear_halves(tmp_path)
    assert names(tmp_path) == [".d", "c.half"]
