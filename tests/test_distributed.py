"""Which process this is: by the group, by the launcher's variables, or alone."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from backsight.distributed import has_group, is_first_process, launched, rank, world_size
from backsight.guard import Guard, Skip
from tests import processes

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")


@pytest.fixture(autouse=True)
def nothing_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_a_process_of_which_nothing_is_told_is_alone() -> None:
    assert (rank(), world_size(), launched(), has_group()) == (0, 1, (1, 1), False)
    assert is_first_process()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("0", "4", "2"), (0, 4, (2, 4))),
        (("3", "4", "2"), (3, 4, (2, 4))),
        (("1", None, None), (1, 1, (1, 1))),
        (("", "", ""), (0, 1, (1, 1))),
        (("high", "many", "some"), (0, 1, (1, 1))),
    ],
)
def test_without_a_group_the_launchers_variables_decide(
    values: Any, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in zip(VARIABLES, values, strict=True):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert (rank(), world_size(), launched()) == expected
    assert is_first_process() is (expected[0] == 0)
    assert not has_group()


def test_asking_imports_no_torch() -> None:
    code = (
        "import sys, backsight.distributed as d; assert d.rank() == 2 and not d.has_group(); "
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], env={"RANK": "2", "PYTHONPATH": ":".join(
        sys.path)}, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr


def one_process(number: int, folder: str) -> None:
    """In a group, whatever the variables say."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=number, world_size=2
    )
    found = (rank(), world_size(), has_group(), is_first_process())
    Path(folder, str(number)).write_text(repr(found))
    torch.distributed.barrier()  # who leaves early breaks off what the other one still sets up
    torch.distributed.destroy_process_group()


def test_a_group_goes_before_the_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "7")
    monkeypatch.setenv("WORLD_SIZE", "9")
    processes.together("tests.test_distributed", "one_process", tmp_path)
    assert (tmp_path / "0").read_text() == "(0, 2, True, True)"
    assert (tmp_path / "1").read_text() == "(1, 2, True, False)"


@pytest.mark.parametrize("number", [0, 1])
def test_only_the_first_process_speaks_of_a_guard_and_writes_its_snapshots(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where the launcher's variables are all there is: no group was initialised."""
    monkeypatch.setenv("RANK", str(number))
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with Guard(model, optimizer, Skip(), folder=tmp_path / "kept") as guard:
        for target in (1.0, float("nan")):
            optimizer.zero_grad()
            loss = (model(torch.ones(3, 2)) - target).square().mean()
            loss.backward()
            guard.step(loss)
        assert [act.policy for act in guard.interventions] == ["skip"]
        assert len(guard.snapshots.taken) == 1
    assert ("guard, iteration 1: skip" in caplog.text) is (number == 0)
    assert (tmp_path / "kept").exists() is (number == 0)
