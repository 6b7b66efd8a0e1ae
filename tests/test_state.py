"""The state of a training: what was saved before, random numbers, and what does not fit."""

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from backsight.cli import main
from backsight.errors import RunError, SettingError
from backsight.guard import ClipNorm, Guard, safe
from backsight.lab import MemoryOrder, train
from backsight.lab._train import make_loop
from backsight.state import Checkpoints, CheckpointState, Generators, fitting, load_checkpoint
from tests.guarded import same

SAVED = Path(__file__).parent / "fixtures" / "checkpoints"
"""Checkpoints of format 1, written by Backsight 0.1.0 before these rooms were divided.

``lab``: iteration 25 of :func:`settings`, trained with ``safe``, after three rollbacks. ``guard``:
what :func:`guarded` has written at its 120th step, after a rollback.
"""

LAB = SAVED / "lab" / "iteration-000000025.ckpt"


def settings(tmp_path: Path, **changes: Any) -> MemoryOrder:
    """Those that the saved checkpoint was made with."""
    values: dict[str, Any] = {
        "run": tmp_path / "run", "safe": True, "curriculum": "adaptive", "cell": "rnn-relu",
        "init": "identity", "gain": 5.0, "optimizer": "momentum", "lr": 1e3, "hidden": 5,
        "batch": 8, "length": 16, "curriculum_start": 10, "iterations": 60, "every": 4,
        "device": "cpu", "validate_every": 30, "validate_sequences": 20, "checkpoint_every": 25,
        "report": False,
    }  # fmt: skip
    return MemoryOrder(**values | changes)


class Data:
    """Where the data of :func:`guarded` stands."""

    def __init__(self) -> None:
        self.place = 0

    def state_dict(self) -> dict[str, Any]:
        return {"place": self.place}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.place = state_dict["place"]


def guarded(folder: Path, *policies: Any, width: int = 4) -> tuple[Guard, Data]:
    torch.manual_seed(1)
    layers = nn.Linear(2, width), nn.BatchNorm1d(width), nn.Tanh(), nn.Linear(width, 1)
    model, data = nn.Sequential(*layers), Data()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10, 0.9)
    along: dict[str, Any] = {"data": data, "schedule": schedule}
    guard = Guard(
        model,
        optimizer,
        *policies,
        extra_state=along,
        snapshot_every=10,
        snapshots=2,
        folder=folder,
    )
    return guard, data


# -- saved before ----------------------------------------------------------------------------


def test_a_checkpoint_of_before_gives_every_part_the_very_state_it_holds(tmp_path: Path) -> None:
    """Model, optimizer, curriculum, random numbers, and the guard with its snapshots."""
    checkpoint = load_checkpoint(LAB)
    loop = make_loop(settings(tmp_path))
    loop.parts.load(checkpoint)
    assert loop.guard is not None
    assert dict(loop.guard.tally) == {"auto": 16, "momentum": 1, "skip": 6, "rollback": 3}
    saved = {name: checkpoint.state[name] for name in ("shared", "processes")}
    assert same(loop.parts.state_dict(), saved)


def test_a_training_goes_on_from_a_checkpoint_of_before(tmp_path: Path) -> None:
    config = settings(tmp_path, fork=LAB, iterations=32)
    run = train(config)
    assert run.status == "finished"
    assert run.series("loss").iterations.tolist() == list(range(25, 32))
    assert all(map(math.isfinite, run["loss"]))


def test_a_guard_goes_on_from_a_folder_of_before(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    path = folder / "iteration-000000120.ckpt"
    path.write_bytes((SAVED / "guard" / path.name).read_bytes())
    guard, data = guarded(folder)
    assert guard.resume() == 120
    saved = load_checkpoint(path).state["guard"]
    assert same(guard.state_dict(), saved)
    assert dict(guard.tally) == {"skip": 3, "rollback": 1}
    snapshot = saved["snapshots"][-1]
    assert data.place == snapshot["along"]["data"]["place"]
    assert torch.equal(torch.get_rng_state(), snapshot["rng"]["cpu"])
    parameters = dict(guard.model.named_parameters())
    assert torch.equal(parameters["0.weight"], snapshot["weights"][0])
    with pytest.raises(
        SettingError, match="the guard was saved with the policies rollback, skip, auto"
    ):
        guarded(folder, ClipNorm())[0].resume()
    with pytest.raises(
        RunError, match=r"another model: 0\.weight has shape \(4, 2\) in the snapshot"
    ):
        guarded(folder, width=5)[0].resume()


# -- a state that does not fit ---------------------------------------------------------------


def lacks(*keys: str) -> Callable[[dict[str, Any]], None]:
    """Take an entry out of a guard's state."""

    def change(state: dict[str, Any]) -> None:
        for key in keys[:-1]:
            state = state[key]
        del state[keys[-1]]

    return change


def holds(value: Any, *keys: str) -> Callable[[dict[str, Any]], None]:
    """Put something else into it."""

    def change(state: dict[str, Any]) -> None:
        for key in keys[:-1]:
            state = state[key]
        state[keys[-1]] = value

    return change


UNFIT = {
    "vitals": (lacks("vitals"), "it lacks 'vitals'"),
    "an entry": (lacks("vitals", "course", "deep"), "it lacks 'deep'"),
    "a policy": (lacks("policies", "auto", "_logs"), ""),
    "no number": (holds(None, "vitals", "course", "usual"), "NoneType"),
    "no dict": (holds(3, "rate"), "not subscriptable"),
    "snapshots": (holds([{}], "snapshots"), "it lacks 'weights'"),
    "policies": (
        holds({"skip": {}}, "policies"),
        "the guard was saved with the policies skip, but it has",
    ),
}


@pytest.mark.some(4)
@pytest.mark.parametrize("which", [name for name in UNFIT if name != "a policy"])
def test_a_state_that_does_not_fit_is_refused_in_one_sentence(
    which: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a version before has saved less, or something else: exit status 2."""
    change, words = UNFIT[which]
    found = load_checkpoint(LAB)
    change(found.state["processes"][0]["guard"])
    path = Checkpoints(tmp_path / "changed").save(25, found.state)
    assert path is not None
    config = settings(tmp_path, fork=path)
    with pytest.raises(RunError) as caught:
        train(config)
    said = str(caught.value)
    assert said.startswith(f"{path}: the state of guard does not fit (")
    assert words in said
    assert not (tmp_path / "run").exists()
    options = [
        "--safe" if value is True else f"--{name.replace('_', '-')}={value}"
        for name, value in vars(config).items()
        if value is not None and value is not False
    ]
    assert main(["train", "temporal-order", "--no-report", *options]) == 2
    assert capsys.readouterr().err == f"backsight: {said}\n"


def test_what_a_policy_has_not_saved_it_begins_with(tmp_path: Path) -> None:
    found = load_checkpoint(LAB)
    change, _ = UNFIT["a policy"]
    change(found.state["processes"][0]["guard"])
    loop = make_loop(settings(tmp_path))
    loop.parts.load(found)
    assert loop.guard is not None
    (auto,) = [policy for policy in loop.guard.policies if policy.name == "auto"]
    assert auto.state_dict()["_logs"] == []


@pytest.mark.parametrize("which", ["vitals", "an entry", "no number", "no dict", "snapshots"])
def test_a_guards_own_folder_likewise(which: str, tmp_path: Path) -> None:
    change, words = UNFIT[which]
    state = copy.deepcopy(load_checkpoint(SAVED / "guard/iteration-000000120.ckpt").state)
    change(state["guard"])
    path = Checkpoints(tmp_path).save(120, state)
    with pytest.raises(RunError) as caught:
        guarded(tmp_path, *safe())[0].resume()
    assert str(caught.value).startswith(f"{path}: the state of guard does not fit (")
    assert words in str(caught.value)


def test_a_sentence_that_is_one_already_stays(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"^of another model$"), fitting(tmp_path, "model"):
        raise RunError("of another model")


def test_a_guards_own_file_is_no_whole_training(tmp_path: Path) -> None:
    path = SAVED / "guard" / "iteration-000000120.ckpt"
    with pytest.raises(RunError, match=r"was not made by backsight train: .* Guard\.resume"):
        train(settings(tmp_path, fork=path))
    with pytest.raises(
        RunError, match="not a checkpoint of a whole training: it contains only guard"
    ):
        CheckpointState({}, {}).load(load_checkpoint(path))


# -- parts -----------------------------------------------------------------------------------


def test_launched_processes_without_a_group_have_a_state_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be gathered; each goes on from what it has saved itself."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    data = Data()
    data.place = 7
    parts = CheckpointState({"model": nn.Linear(1, 1)}, {"data": data})
    Checkpoints(tmp_path).save(1, parts.state_dict())
    data.place = 0
    parts.load(Checkpoints(tmp_path).load())
    assert data.place == 7


# -- random numbers --------------------------------------------------------------------------


@pytest.fixture
def accelerators(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Two CUDA devices and MPS, pretended: the numbers that their generators would be at."""
    states = {name: torch.tensor([n]) for n, name in enumerate(("cuda:0", "cuda:1", "mps"))}

    def which(device: Any) -> str:
        index = device if isinstance(device, int) else torch.device(device).index
        return f"cuda:{index or 0}"

    def put(state: torch.Tensor, device: Any = "cuda") -> None:
        states[which(device)] = state

    def put_mps(state: torch.Tensor) -> None:
        states["mps"] = state

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.cuda.current_device", lambda: 0)
    monkeypatch.setattr("torch.cuda.get_rng_state", lambda device="cuda": states[which(device)])
    monkeypatch.setattr(
        "torch.cuda.get_rng_state_all", lambda: [states["cuda:0"], states["cuda:1"]]
    )
    monkeypatch.setattr("torch.cuda.set_rng_state", put)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    monkeypatch.setattr("torch.mps.get_rng_state", lambda: states["mps"])
    monkeypatch.setattr("torch.mps.set_rng_state", put_mps)
    return states


def spent(states: dict[str, torch.Tensor]) -> dict[str, int]:
    """Numbers that the generators are at; then all have drawn."""
    found = {name: int(state) for name, state in states.items()}
    for name in states:
        states[name] = torch.tensor([9])
    return found


def test_the_cpus_random_numbers_go_back() -> None:
    state = Generators().state_dict()
    drawn = torch.rand(3)
    Generators().load_state_dict(state)
    assert torch.equal(torch.rand(3), drawn)
    assert Generators(torch.device("cpu")).state_dict().keys() == {"cpu"}


@pytest.mark.parametrize(
    ("device", "kept", "back"),
    [
        (None, {"cpu", "cuda", "mps"}, {"cuda:0": 0, "cuda:1": 1, "mps": 2}),
        ("cuda:1", {"cpu", "cuda"}, {"cuda:0": 9, "cuda:1": 1, "mps": 9}),
        ("cuda", {"cpu", "cuda"}, {"cuda:0": 0, "cuda:1": 9, "mps": 9}),
        ("mps", {"cpu", "mps"}, {"cuda:0": 9, "cuda:1": 9, "mps": 2}),
    ],
)
def test_one_device_or_all(
    device: Any, kept: set[str], back: dict[str, int], accelerators: dict[str, torch.Tensor]
) -> None:
    """A training on one device leaves the others' generators alone."""
    generators = Generators(None if device is None else torch.device(device))
    state = generators.state_dict()
    assert state.keys() == kept
    spent(accelerators)
    generators.load_state_dict(state)
    assert spent(accelerators) == back


def test_what_one_has_kept_the_other_takes(accelerators: dict[str, torch.Tensor]) -> None:
    """As ``cuda`` an older lab has saved one tensor, and an older guard a list of them."""
    cpu = torch.get_rng_state()
    spent(accelerators)
    Generators().load_state_dict({"cpu": cpu, "cuda": torch.tensor([5])})
    assert spent(accelerators) == {"cuda:0": 5, "cuda:1": 9, "mps": 9}
    both = [torch.tensor([3]), torch.tensor([4])]
    Generators(torch.device("cuda:1")).load_state_dict({"cpu": cpu, "cuda": both})
    assert spent(accelerators) == {"cuda:0": 9, "cuda:1": 4, "mps": 9}
    Generators().load_state_dict({"cpu": cpu, "cuda": [*both, torch.tensor([6])]})
    assert spent(accelerators) == {"cuda:0": 3, "cuda:1": 4, "mps": 9}


@pytest.mark.parametrize(
    ("device", "there", "words"),
    [
        ("cpu", {"cuda", "mps"}, "ran on cuda, mps before and runs on cpu now"),
        ("mps", set(), "ran on cpu before and runs on mps now"),
        ("mps", {"cuda"}, "ran on cuda before and runs on mps now"),
        (None, {"cuda"}, ""),
        (None, set(), ""),
    ],
)
def test_another_kind_of_device_is_told(
    device: Any,
    there: set[str],
    words: str,
    accelerators: dict[str, torch.Tensor],
    caplog: pytest.LogCaptureFixture,
) -> None:
    state = {name: torch.tensor([1]) for name in there} | {"cpu": torch.get_rng_state()}
    generators = Generators(None if device is None else torch.device(device))
    generators.load_state_dict(state)
    assert words in caplog.text
    assert bool(caplog.text) is bool(words)


def test_a_guards_rollback_takes_the_random_numbers_of_mps_back(
    tmp_path: Path, accelerators: dict[str, torch.Tensor]
) -> None:
    guard, _ = guarded(tmp_path)
    guard.snapshots.take(0, {})
    spent(accelerators)
    guard.snapshots.go_back(0)
    assert spent(accelerators) == {"cuda:0": 0, "cuda:1": 1, "mps": 2}
