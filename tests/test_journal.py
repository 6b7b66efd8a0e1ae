"""A killed writer's journal: what a kill leaves is read, and what damage hides is told."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from backsight.errors import RunError
from backsight.signals import Recorder, Run
from backsight.signals._journal import check_journal

COMMITS = 4
FRAME = 24 + 4096


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose numbers lie in the journal alone, in four commits after the beginning's."""
    path = tmp_path_factory.mktemp("killed") / "run"
    recorder = Recorder(path)
    recorder.flush()  # what was written until here is folded back, and the journal begins anew
    for i in range(COMMITS):
        recorder.scalars(i, {"loss": float(i)})
        recorder._commit()
    copy = Path(shutil.copytree(path, path.with_name("copy")))
    recorder.close()
    file = copy / "run.json"
    info = json.loads(file.read_text())
    info["writer"]["started"] = "another boot"
    file.write_text(json.dumps(info))
    return copy


@pytest.fixture
def copy(killed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(killed, tmp_path / "run"))


def frames(journal: bytes | bytearray) -> list[bytes | bytearray]:
    """Those of the newest generation."""
    assert struct.unpack(">I", journal[8:12]) == (4096,)
    found = [journal[at : at + FRAME] for at in range(32, len(journal), FRAME)]
    return [frame for frame in found if frame[8:16] == journal[16:24]]


def is_commit(frame: bytes | bytearray) -> bool:
    return frame[4:8] != bytes(4)


def summed(content: bytes | bytearray, sums: tuple[int, int]) -> tuple[int, int]:
    """The checksum word by word, as SQLite's documentation has it."""
    one, two = sums
    words = struct.unpack(f"<{len(content) // 4}I", content)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) % 2**32
        two = (two + second + one) % 2**32
    return one, two


def test_the_journal_is_as_its_format_says(killed: Path) -> None:
    journal = (killed / "signals.db-wal").read_bytes()
    assert journal[:4] == bytes.fromhex("377f0682")
    sums = summed(journal[:24], (0, 0))
    assert struct.pack(">II", *sums) == journal[24:32]
    for frame in frames(journal):
        sums = summed(frame[:8] + frame[24:], sums)
        assert struct.pack(">II", *sums) == frame[16:24]
    assert sum(map(is_commit, frames(journal))) == COMMITS


def test_a_flipped_bit_never_makes_a_run_shorter_in_silence(killed: Path, copy: Path) -> None:
    """Only the last commit may go, as if the process had been killed before it."""
    journal = (killed / "signals.db-wal").read_bytes()
    all_frames = frames(journal)
    seen = set()
    for number, frame in enumerate(all_frames):
        later = sum(map(is_commit, all_frames[number + 1 :]))
        assert len(frame) == FRAME
        for place in (5, 12, 17, 3000):  # of its head, its checksum and its page
            content = bytearray(journal)
            content[32 + number * FRAME + place] ^= 0x10
            (copy / "signals.db-wal").write_bytes(content)
            if later:
                with pytest.raises(RunError, match=rf"wal is damaged: .*\(commits: {later}\)"):
                    Run(copy)
            else:
                assert Run(copy)["loss"].tolist() == [0.0, 1.0, 2.0]
            seen.add(later)
    assert seen == set(range(COMMITS + 1))


def test_what_a_kill_leaves_is_read(killed: Path, copy: Path) -> None:
    """Cut anywhere: between two frames, within one, within the header."""
    journal = (killed / "signals.db-wal").read_bytes()
    lengths = set()
    starts = [32 + n * FRAME for n in range(len(frames(journal)) + 1)]
    for end in (0, 5, *starts, *(start + 10 for start in starts), starts[1] + 900):
        (copy / "signals.db-wal").write_bytes(journal[:end])
        run = Run(copy)
        lengths.add(run.iterations)
    assert lengths == set(range(COMMITS + 1))
    (copy / "signals.db-wal").unlink()
    assert Run(copy).iterations == 0


def test_frames_of_the_journal_before_do_not_count(killed: Path, copy: Path) -> None:
    """They lie behind the new ones, with another salt, until they are written over."""
    content = bytearray((killed / "signals.db-wal").read_bytes())
    old = bytearray(content[32 : 32 + FRAME])
    old[8] ^= 1
    assert is_commit(content[32 + (len(frames(content)) - 1) * FRAME :])
    old[4:8] = b"\0\0\0\1"
    (copy / "signals.db-wal").write_bytes(content + old * 3)
    assert Run(copy)["loss"].tolist() == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize("place", [0, 3, 7, 9, 17, 21, 25, 31])
def test_a_damaged_header_is_told(place: int, copy: Path) -> None:
    file = copy / "signals.db-wal"
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(RunError, match=r"signals.db-wal is damaged: its header"):
        Run(copy)


@pytest.mark.parametrize("make", [Path.mkdir, lambda file: file.symlink_to("/etc/passwd")])
def test_another_kind_of_file_is_not_opened(make: Callable[[Path], None], copy: Path) -> None:
    (copy / "signals.db-wal").unlink()
    make(copy / "signals.db-wal")
    with pytest.raises(RunError, match="was not opened"):
        check_journal(copy / "signals.db")


def test_a_long_journal_is_read_in_pieces(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backsight.signals._journal.TOGETHER", 2 * FRAME)
    check_journal(copy / "signals.db")
    content = bytearray((copy / "signals.db-wal").read_bytes())
    content[32 + 30] ^= 1
    (copy / "signals.db-wal").write_bytes(content)
    with pytest.raises(RunError, match=r"commits: [34]\)"):
        check_journal(copy / "signals.db")
