"""Good states on disk, for loops that are not the lab's."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from backsight.errors import RunError, SettingError
from backsight.guard import ClipNorm, Guard, Rollback, Skip, safe


def made(width: int = 4) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A small recurrent model and its optimizer."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 1))
    return model, torch.optim.Adam(model.parameters(), 0.01)


def steps(guard: Guard, model: nn.Module, optimizer: torch.optim.Optimizer, count: int) -> None:
    """Train on batches that depend on the guard's count of steps alone."""
    for _ in range(count):
        generator = torch.Generator().manual_seed(guard.iteration)
        x = torch.randn(8, 2, generator=generator)
        loss: Tensor = (model(x) - x[:, :1]).square().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        guard.step(loss)


def iterations(folder: Path) -> list[int]:
    """Of the checkpoints there, in order."""
    return sorted(int(path.stem.removeprefix("iteration-")) for path in folder.iterdir())


def test_another_process_goes_on_from_the_newest_good_state(tmp_path: Path) -> None:
    """With the same batches it ends where one that was never stopped does."""
    model, optimizer = made()
    with Guard(model, optimizer, snapshot_every=10, folder=tmp_path / "kept") as guard:
        assert guard.resume() is None
        steps(guard, model, optimizer, 333)

    again, optimizer = made()
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.fill_(7.0)
    with Guard(again, optimizer, snapshot_every=10, folder=tmp_path / "kept") as guard:
        begun = guard.resume()
        assert begun == iterations(tmp_path / "kept")[-1] > 200
        # The snapshot is of before that step, whose batch is then drawn again.
        steps(guard, again, optimizer, 333 - begun)
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert one.detach().numpy().tobytes() == other.detach().numpy().tobytes()


def test_only_every_tenth_is_written_and_few_are_kept(tmp_path: Path) -> None:
    model, optimizer = made()
    with Guard(model, optimizer, snapshot_every=10, folder=tmp_path) as guard:
        steps(guard, model, optimizer, 620)
    kept = iterations(tmp_path)
    assert len(kept) == 3
    assert all(b - a >= 100 and b % 10 == 0 for a, b in pairwise(kept))
    assert kept[-1] > 400


def test_another_model_or_other_policies_are_refused(tmp_path: Path) -> None:
    model, optimizer = made()
    with Guard(model, optimizer, folder=tmp_path) as guard:
        steps(guard, model, optimizer, 3)
    wide, optimizer = made(6)
    said = r"0.weight has shape \(4, 2\) in the snapshot and \(6, 2\) in this model; 0.bias has"
    with pytest.raises(RunError, match=said):
        Guard(wide, optimizer, folder=tmp_path).resume()
    deep = nn.Sequential(made()[0], nn.Linear(1, 1))
    with pytest.raises(RunError, match="it holds 4 tensors, but this model has 6"):
        Guard(deep, torch.optim.SGD(deep.parameters(), 0.1), folder=tmp_path).resume()
    model, optimizer = made()
    with pytest.raises(
        SettingError, match="the guard was saved with the policies rollback, skip, auto"
    ):
        Guard(model, optimizer, Skip(), folder=tmp_path).resume()


def test_a_damaged_one_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, optimizer = made()
    policies: Any = (Rollback(), Skip(), ClipNorm(1.0))
    with Guard(model, optimizer, *policies, snapshot_every=10, folder=tmp_path) as guard:
        steps(guard, model, optimizer, 205)
    *_, before, last = iterations(tmp_path)
    newest = tmp_path / f"iteration-{last:09d}.ckpt"
    newest.write_bytes(newest.read_bytes()[:-100])
    model, optimizer = made()
    guard = Guard(model, optimizer, Rollback(), Skip(), ClipNorm(1.0), folder=tmp_path)
    assert guard.resume() == before
    assert "skipped " in caplog.text


def test_what_could_not_be_loaded_safely_is_refused_at_the_first_step(tmp_path: Path) -> None:
    class Odd:
        def state_dict(self) -> dict[str, Any]:
            return {"me": self}

        def load_state_dict(self, state: dict[str, Any]) -> None:
            raise AssertionError("never asked")

        def __deepcopy__(self, memo: Any) -> "Odd":
            return self

    model, optimizer = made()
    guard = Guard(model, optimizer, *safe(), extra_state={"odd": Odd()}, folder=tmp_path)
    with pytest.raises(SettingError, match="odd"):
        steps(guard, model, optimizer, 1)
