"""Checkpoints: whole or not there, bit for bit, and never a program."""

import errno
import hashlib
import io
import json
import logging
import math
import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from backsight.errors import RunError, SettingError
from backsight.state import Checkpoints, load_model
from backsight.state._checkpoints import MAGIC


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where checkpoints may be made."""
    return tmp_path / "checkpoints"


def numbers(path: Path) -> list[int]:
    return [int(p.stem.partition("-")[2]) for p in Checkpoints(path).paths]


def forge(path: Path, content: bytes, **head: Any) -> None:
    """A file whose checksum is right, whatever it holds."""
    rest = json.dumps({"format": 1, "iteration": 9, "score": None, **head}).encode() + b"\n"
    rest += content
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(MAGIC + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)


def test_a_state_comes_back_bit_for_bit(folder: Path) -> None:
    odd = torch.tensor([math.nan, math.inf, -math.inf, -0.0, 5e-324], dtype=torch.float64)
    quiet = torch.tensor([0x7FC01234], dtype=torch.int32).view(torch.float32)  # a NaN's payload
    random = np.random.default_rng(5)
    random.integers(0, 9, 3)
    state = {
        "odd": odd, "quiet": quiet, "bf16": torch.ones(2, 3, dtype=torch.bfloat16),
        "random": random.bit_generator.state, "rate": 0.1, "nan": math.nan, "none": None,
        "words": ["é", True, (1, 2**100)], "empty": torch.empty(0, 3), "deep": {7: [odd]},
    }  # fmt: skip
    path = Checkpoints(folder).save(12, state, score=1.5)
    found = Checkpoints(folder).load()
    assert (found.path, found.iteration, found.score) == (path, 12, 1.5)
    assert found.state.keys() == state.keys()
    assert found.state["odd"].numpy().tobytes() == odd.numpy().tobytes()
    assert found.state["quiet"].view(torch.int32).item() == 0x7FC01234
    assert found.state["bf16"].dtype == torch.bfloat16
    assert math.isnan(found.state["nan"])
    assert found.state["words"] == state["words"]
    assert found.state["empty"].shape == (0, 3)
    other = np.random.default_rng()
    other.bit_generator.state = found.state["random"]
    assert other.integers(0, 2**60, 9).tolist() == random.integers(0, 2**60, 9).tolist()


def test_the_newest_few_and_the_best_stay(folder: Path) -> None:
    checkpoints = Checkpoints(folder, keep=2)
    for iteration, score in enumerate([3.0, 0.0, math.nan, 1.0, None, math.inf]):
        checkpoints.save(iteration, {}, score=score)
    assert numbers(folder) == [5, 4, 1]
    assert checkpoints.best == folder / "iteration-000000001.ckpt"
    assert checkpoints.load().iteration == 5
    checkpoints.save(1_000_000_007, {}, score=-1.0)
    assert numbers(folder) == [1_000_000_007, 5]
    checkpoints.drop_after(5)
    assert numbers(folder) == [5]
    assert checkpoints.best is None


@pytest.mark.parametrize("keep", [0, -1, True, 1.5])
def test_how_many_to_keep_must_make_sense(keep: Any, folder: Path) -> None:
    with pytest.raises(SettingError, match="keep must be a whole number"):
        Checkpoints(folder, keep=keep)


def test_every_damaged_byte_is_noticed_and_the_one_before_is_taken(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints(folder)
    checkpoints.save(1, {"x": 1})
    path = checkpoints.save(2, {"x": torch.arange(10)})
    assert path is not None
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert checkpoints.load().state == {"x": 1}, place
    for length in (0, 5, 90, 200, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert checkpoints.load().iteration == 1, length
    assert f"skipped {path}: it is damaged or truncated" in caplog.text
    path.unlink()
    path.mkdir()
    assert checkpoints.load().iteration == 1
    assert "is a folder, and was not opened" in caplog.text
    path.rmdir()
    path.write_bytes(whole)
    assert checkpoints.load().iteration == 2


def test_none_and_none_that_is_whole(folder: Path) -> None:
    with pytest.raises(RunError, match="contains no checkpoint"):
        Checkpoints(folder).load()
    Checkpoints(folder).save(1, {})
    Checkpoints(folder).paths[0].write_bytes(b"BACKSIGHT")
    with pytest.raises(RunError, match=r"all checkpoints \(1\) are damaged"):
        Checkpoints(folder).load()


def test_a_newer_format_is_refused_rather_than_passed_over(folder: Path) -> None:
    Checkpoints(folder).save(1, {})
    forge(folder / "iteration-000000009.ckpt", b"of the future", format=2)
    with pytest.raises(RunError, match=r"by a newer Backsight \(format 2; .* pip install -U"):
        Checkpoints(folder).load()


class Malicious:
    """Makes a file when it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> Any:
        return Path.touch, (self.witness,)


@pytest.mark.parametrize("how", ["torch", "pickle", "bare"])
def test_code_in_a_checkpoint_is_never_executed(how: str, folder: Path, tmp_path: Path) -> None:
    witness = tmp_path / "executed"
    evil = io.BytesIO()
    if how == "torch":
        torch.save({"shared": Malicious(witness)}, evil)
    else:
        pickle.dump({"shared": Malicious(witness)}, evil)
    path = folder / "iteration-000000009.ckpt"
    if how == "bare":  # not even dressed as a checkpoint
        folder.mkdir()
        path.write_bytes(evil.getvalue())
        with pytest.raises(RunError, match="are damaged"):
            Checkpoints(folder).load()
    else:
        forge(path, evil.getvalue())
        with pytest.raises(RunError, match=r"was not loaded: .* nothing was executed") as caught:
            Checkpoints(folder).load()
        assert "\n" not in str(caught.value)
    assert not witness.exists()
    pickle.loads(evil.getvalue()) if how != "torch" else torch.load(
        io.BytesIO(evil.getvalue()), weights_only=False
    )
    assert witness.exists()  # it would have


@pytest.mark.parametrize("content", [b"", b"numbers", pickle.dumps(3), pickle.dumps([1])])
def test_what_is_whole_and_no_state_is_refused(content: bytes, folder: Path) -> None:
    forge(folder / "iteration-000000009.ckpt", content)
    with pytest.raises(RunError, match=r"did not write its content|was not loaded"):
        Checkpoints(folder).load()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"guard": {"history": np.zeros(3)}}, "guard.history is a numpy.ndarray"),
        ({"guard": [np.float64(3.0)]}, "guard is a numpy.float64"),
        ({"a": {"b": Path("x")}}, r"a\.b is a pathlib"),
        ({"set": {1}}, "set is a builtins.set"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(state: Any, words: str, folder: Path) -> None:
    with pytest.raises(SettingError, match=words):
        Checkpoints(folder).save(1, state)
    assert not folder.exists()


def test_a_checkpoint_of_another_model_is_told_by_names_and_shapes() -> None:
    saved = nn.GRU(3, 4).state_dict()
    with pytest.raises(RunError) as caught:
        load_model(nn.GRU(3, 5), saved, Path("runs/x/c"))
    words = str(caught.value)
    assert words.startswith(
        "runs/x/c belongs to another model: weight_ih_l0 has shape (12, 3) in the "
    )
    assert "checkpoint and (15, 3) in the model; " in words
    with pytest.raises(RunError, match=r"weight_ih_l1 is only in the model; .*; and "):
        load_model(nn.GRU(3, 4, num_layers=4), saved, Path("c"))
    with pytest.raises(RunError, match="bias_ih_l0 is only in the checkpoint"):
        load_model(nn.GRU(3, 4, bias=False), saved, Path("c"))
    with pytest.raises(
        RunError, match=r"weight_ih_l0 is torch.float32 in .* torch.float64 in the model"
    ):
        load_model(nn.GRU(3, 4).double(), saved, Path("c"))
    model = nn.GRU(3, 4)
    load_model(model, saved, Path("c"))
    assert all(torch.equal(saved[name], value) for name, value in model.state_dict().items())


def test_a_full_disk_costs_the_checkpoint_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints(folder, keep=1)
    checkpoints.save(1, {"x": 1})

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(os, "fsync", full)
        assert checkpoints.save(2, {"x": 2}) is None
        assert checkpoints.save(3, {"x": 3}) is None
    assert (
        caplog.text.count("cannot write the checkpoint of iteration 2 (No space left on device)")
        == 1
    )
    assert "iteration 3" not in caplog.text
    assert [p.name for p in folder.iterdir()] == ["iteration-000000001.ckpt"]
    assert checkpoints.save(4, {"x": 4}) is not None
    assert checkpoints.load().state == {"x": 4}


def test_a_disk_that_is_really_full(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True
    )
    if mount.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        checkpoints = Checkpoints(small / "checkpoints", keep=1)
        assert checkpoints.save(1, {"x": torch.zeros(1000)}) is not None
        assert checkpoints.save(2, {"x": torch.zeros(100_000)}) is None
        assert "No space left on device" in caplog.text
        assert [p.name for p in checkpoints.folder.iterdir()] == ["iteration-000000001.ckpt"]
        assert checkpoints.load().iteration == 1
        assert checkpoints.save(3, {"x": torch.zeros(1000)}) is not None
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_what_a_killed_writer_left_is_cleared_away(folder: Path) -> None:
    folder.mkdir()
    (folder / ".iteration-000000005.ckpt.half").write_bytes(b"half")
    (folder / "notes.txt").write_text("mine")
    checkpoints = Checkpoints(folder)
    assert checkpoints.paths == ()
    checkpoints.save(6, {})
    assert {p.name for p in folder.iterdir()} == {"iteration-000000006.ckpt", "notes.txt"}
