"""Stability maps: a batch beside the lab, what is kept, and the command."""

import json
import os
import shutil
import sys
from collections.abc import Generator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backsight.errors import RunError, SettingError
from backsight.lab import (
    Chars,
    Memory,
    MemoryAdding,
    MemoryEcho,
    MemoryFirstSymbol,
    MemoryOrder,
    train,
)
from backsight.lab._setup import make_optimizer, make_training_task
from backsight.lab._training_task import loss_of
from backsight.nn import seeded
from backsight.probes import probe
from backsight.signals import FORMAT
from backsight.studies import (
    Axis,
    Ended,
    MapOutcome,
    MapPlan,
    StabilityMap,
    Trial,
    make_engine,
    map_folder,
    parse_axis,
    place_of,
    read_map,
    run_map,
)
from backsight.studies._folder import alone
from backsight.studies._view import Unwatched
from backsight.studies.map import _here
from backsight.studies.map._course import Course, Trained, judged
from backsight.studies.map._folder import MapFolder
from backsight.studies.map._train import train_part
from backsight.tasks import Batches

SMALL: dict[str, Any] = {
    "hidden": 5, "batch": 4, "iterations": 20, "clip": None, "optimizer": "sgd",
    "validate_sequences": 60,
}  # fmt: skip
SAMPLED = (0, 2, 4, 6, 8, 10, 11, 13, 15, 17, 19)
"""Iterations, of 20, in which the gradient through time is measured."""
EXACT: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-10}
"""Float64, over tens of steps: sums in another order, and what training makes of the rounding."""


def small(kind: type[Memory] = MemoryOrder, **own: Any) -> Memory:
    return kind(**SMALL | {"length": 12} | own)


# -- a cell is the lab's own run ---------------------------------------------------------------


@pytest.mark.some(1)
@pytest.mark.parametrize(
    ("settings", "x", "y"),
    [
        (small(), "lr=0.1,1", "gain=0.8,1.5"),
        pytest.param(
            small(optimizer="momentum", layers=2),
            "momentum=0.5,0.9",
            "clip=0.05,10",
            marks=pytest.mark.long,
        ),
        pytest.param(
            small(MemoryAdding, optimizer="adam"),
            "momentum=0.5,0.9",
            "lr=0.001,0.1",
            marks=pytest.mark.long,
        ),
        pytest.param(
            small(MemoryEcho, lag=3, symbols=3, optimizer="adamw"),
            "weight_decay=0,0.5",
            "lr=0.1",
            marks=pytest.mark.long,
        ),
        (small(cell="rnn-relu", init="orthogonal", lr=0.02), "length=10,13", "hidden=8,10"),
        pytest.param(  # one gated cell, for the other is trained no other way
            small(cell="gru", init="chrono", optimizer="adam"),
            "lr=0.1",
            "length=10,13",
            marks=pytest.mark.long,
        ),
        (small(MemoryAdding, cell="lstm", layers=2), "lr=0.1,1e308", "clip=0.1"),
        (small(MemoryEcho, lag=3, symbols=3, cell="lru", hidden=4), "lr=0.1", "hidden=6"),
        pytest.param(
            small(cell="minlstm", init="chrono", optimizer="adam", layers=2),
            "lr=0.1",
            "length=10,13",
            marks=pytest.mark.long,
        ),
        pytest.param(
            small(MemoryEcho, lag=3, symbols=3, cell="rnn-norm", layers=2),
            "lr=0.1",
            "hidden=5,7",
            marks=pytest.mark.long,
        ),
    ],
    ids=["gain", "clip", "value", "every step", "shapes", "gru", "lstm", "lru", "minlstm", "norm"],
)
def test_a_cell_is_what_the_lab_trains(settings: Memory, x: str, y: str, tmp_path: Path) -> None:
    """Losses, validation and gradient through time, with ``torch.optim``, one run after another."""
    plan = MapPlan(replace(settings, precision="64-true"), parse_axis(x), parse_axis(y))
    trained = Trained.joined([train_part(part) for part in plan.parts()])
    cells = [cell for part in plan.parts() for cell in part.cells]
    assert len(cells) == len(trained.row) == plan.trainings
    for k, cell in enumerate(cells):
        alone = replace(
            cell.settings, run=tmp_path / f"{k}", report=False, checkpoint_every=0, every=20,
            device="cpu",
        )  # fmt: skip
        run = train(alone)
        loss = run["loss"]
        assert len(loss) == 20
        np.testing.assert_allclose(trained.start[k], loss[0], **EXACT)
        np.testing.assert_allclose(trained.final[k], loss[-2:].mean(), **EXACT)
        np.testing.assert_allclose(trained.held_out[k], run.last("val_loss")[1], **EXACT)
        assert trained.error[k] == pytest.approx(run.last("val_sequence_error")[1])
        growths, reaches = through_time_alone(cell.settings)
        np.testing.assert_allclose(trained.growth_start[k], growths[0], **EXACT)
        np.testing.assert_allclose(trained.growth[k], np.median(growths[5:]), **EXACT)
        np.testing.assert_allclose(trained.reach_share[k], np.median(reaches[5:]), **EXACT)


@pytest.mark.some(1)
@pytest.mark.parametrize(
    ("settings", "x", "y"),
    [
        (small(), "lr=0.1,1e308", "gain=0.8,1.5"),
        (small(MemoryAdding, optimizer="adam", layers=2, clip=0.5), "lr=0.001,0.1", "length=10,12"),
        (small(MemoryEcho, lag=3, symbols=3, cell="rnn-relu", lr=0.1), "init_scale=0.5,1,40",
         "hidden=4,6"),
        (small(cell="lru", hidden=4, layers=2), "lr=0.1,1e308", "init_scale=0.5,1"),
        pytest.param(
            small(MemoryEcho, lag=3, symbols=3, cell="mingru", layers=2, optimizer="adam"),
            "lr=0.01,0.1", "length=10,21", marks=pytest.mark.long,
        ),
        pytest.param(
            small(MemoryAdding, cell="minlstm", clip=0.1), "lr=0.01,0.1", "hidden=4,6",
            marks=pytest.mark.long,
        ),
    ],
    ids=["breaks", "value", "every step", "lru", "mingru", "minlstm"],
)  # fmt: skip
def test_one_by_one_they_are_what_they_are_side_by_side(settings: Memory, x: str, y: str) -> None:
    """Two ways of training, and of measuring, that have little in common."""
    plan = MapPlan(replace(settings, precision="64-true"), parse_axis(x), parse_axis(y))
    for part in plan.parts():
        assert part.together
        wanted, found = train_part(part), train_part(replace(part, together=False))
        np.testing.assert_array_equal(found.outcome, wanted.outcome)
        for field in fields(Trained):
            one, other = getattr(found, field.name), getattr(wanted, field.name)
            np.testing.assert_allclose(one, other, **EXACT, err_msg=field.name)


@pytest.mark.long
@pytest.mark.parametrize(
    ("guard", "lr"), [(None, "lr=0.1,0.5"), ("skip,backoff,clip:norm=0.5", "lr=0.1,50")]
)
def test_dropout_and_a_guard_act_as_in_the_lab(guard: str | None, lr: str, tmp_path: Path) -> None:
    """Measuring on the way changes nothing: not the masks, and not what the guard sees."""
    settings = small(cell="gru", layers=2, dropout=0.0 if guard else 0.3, guard=guard)
    plan = MapPlan(replace(settings, precision="64-true"), parse_axis(lr), Axis("gain", (1.0,)))
    (part,) = plan.parts()
    before = torch.get_rng_state()
    trained = train_part(part)
    assert torch.equal(torch.get_rng_state(), before)
    for k, cell in enumerate(part.cells):
        run = train(
            replace(cell.settings, run=tmp_path / f"{k}", report=False, checkpoint_every=0,
                    device="cpu")
        )  # fmt: skip
        assert trained.start[k] == run["loss"][0]
        assert trained.final[k] == run["loss"][-2:].mean()
        assert trained.held_out[k] == run.last("val_loss")[1]


def test_what_a_guard_has_dealt_with_is_no_outcome() -> None:
    """An infinite loss on the way counts without a guard; with one, where training ends counts."""
    losses = np.full((20, 1), 1.0)
    losses[5] = np.inf
    measures = np.full((11, 1), 0.5)
    course = Course(losses, measures, measures, np.array([1.0]), np.array([1.0]))
    for guard, wanted in ((None, MapOutcome.NOT_FINITE), ("skip", MapOutcome.STUCK)):
        plan = MapPlan(small(guard=guard), Axis("lr", (1.0,)), Axis("gain", (1.0,)))
        found = judged(plan.parts()[0].cells, course)
        assert found.outcome.tolist() == [wanted]
        assert found.broken.tolist() == [5]
    losses[-1] = np.nan
    assert judged(plan.parts()[0].cells, course).outcome.tolist() == [MapOutcome.NOT_FINITE]


def test_a_guard_that_gives_up_leaves_an_outcome() -> None:
    settings = small(cell="gru", guard="rollback:attempts=1,skip:row=4", iterations=100)
    (part,) = MapPlan(settings, Axis("lr", (1e38,)), Axis("gain", (1.0,))).parts()
    found = train_part(part)
    assert found.outcome[0] in (MapOutcome.EXPLODED, MapOutcome.NOT_FINITE)
    assert np.isfinite(found.start[0])
    assert np.isfinite(found.held_out[0])  # of the last good weights


def through_time_alone(settings: Memory) -> tuple[list[float], list[float]]:
    """Growth rates and reaches at the lag in 11 sampled iterations, as the probe measures them.

    The last six of them lie in the second half.
    """
    task = make_training_task(settings)
    model = seeded(settings.seed, task.model).double()
    optimizer = make_optimizer(settings, model)
    growths, reaches = [], []
    for iteration in range(20):
        inputs, targets, _ = task.draw()
        x, y = torch.from_numpy(inputs).double(), torch.from_numpy(targets)

        def loss(x: torch.Tensor = x, y: torch.Tensor = y) -> torch.Tensor:
            return loss_of(task.kind, model(x)[0], y)

        if iteration in SAMPLED:
            profiles = probe(model, loss)
            profile = profiles["rnn.l0"]
            growths.append(profile.growth_rate)
            back = profile.reach
            reaches.append(float(back[settings.task.lag] / back[1:].max()))
        optimizer.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        if settings.clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        optimizer.step()
    return growths, reaches


def test_the_initial_scale_is_a_factor_on_every_weight() -> None:
    """At 0.5 the parameters begin at half: with a tiny rate the loss tells."""
    rate, settings = Axis("lr", (1e-12,)), small(precision="64-true", iterations=1)
    one, half = (
        train_part(MapPlan(settings, rate, Axis("init_scale", (scale,))).parts()[0])
        for scale in (1.0, 0.5)
    )
    model = seeded(0, make_training_task(settings).model).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.5)
    inputs, targets = map(torch.from_numpy, Batches(settings.task, 4, seed=0).draw())
    wanted = torch.nn.functional.cross_entropy(model(inputs)[0], targets)
    np.testing.assert_allclose(half.start[0], wanted.item(), **EXACT)
    assert abs(one.start[0] - half.start[0]) > 1e-4


def test_a_network_that_breaks_leaves_its_neighbours_alone() -> None:
    """A rate without measure makes NaN in one cell; the other one is as it is alone."""
    settings = small(precision="64-true", iterations=40)
    both = MapPlan(settings, Axis("lr", (0.1, 1e308)), Axis("gain", (1.0,)))
    alone = MapPlan(settings, Axis("lr", (0.1,)), Axis("gain", (1.0,)))
    (found,), (wanted,) = ([train_part(p) for p in plan.parts()] for plan in (both, alone))
    assert found.outcome[1] == MapOutcome.NOT_FINITE
    assert found.broken[0] == -1
    assert 0 < found.broken[1] < 40
    for field in fields(Trained):
        np.testing.assert_allclose(
            getattr(found, field.name)[0], getattr(wanted, field.name)[0], rtol=1e-12
        )


def test_an_easy_task_is_learned_and_a_tiny_rate_is_not() -> None:
    """Delayed by three steps only, Adam learns it in some hundred steps; without moving, never."""
    easy = {"length": 4, "symbols": 3, "optimizer": "adam", "iterations": 300}
    settings = small(MemoryFirstSymbol, hidden=12, batch=16, **easy)
    (part,) = MapPlan(settings, Axis("lr", (1e-8, 0.02)), Axis("gain", (1.0,))).parts()
    found = train_part(part)
    assert found.outcome[1] == MapOutcome.LEARNED
    assert found.outcome[0] in (MapOutcome.STUCK, MapOutcome.VANISHED)
    assert found.held_out[1] < 0.3 < found.held_out[0]


def test_threads_are_put_back() -> None:
    before = torch.get_num_threads()
    (part,) = MapPlan(small(iterations=1), Axis("lr", (1.0,)), Axis("gain", (1.0,))).parts()
    train_part(part, threads=before + 1)
    assert torch.get_num_threads() == before


# -- the plan ----------------------------------------------------------------------------------


def test_cells_with_the_same_shapes_share_a_batch() -> None:
    plan = MapPlan(small(), parse_axis("lr=0.1:1:20"), parse_axis("gain=1:2:10"), seeds=2)
    parts = plan.parts()
    assert [len(part.cells) for part in parts] == [128, 72, 128, 72]  # a seed's, in pieces
    assert {cell.settings.seed for cell in parts[2].cells} == {1}
    by_length = MapPlan(small(), parse_axis("lr=0.1:1:20"), parse_axis("length=10,12,14"))
    assert [len(part.cells) for part in by_length.parts()] == [20, 20, 20]
    assert all(part.together for part in parts)
    cells = [(c.seed, c.row, c.column) for part in parts for c in part.cells]
    assert len(set(cells)) == plan.trainings == 400


def test_what_has_no_batch_trains_in_parts_of_some_work() -> None:
    axes = parse_axis("lr=0.1:1:20"), parse_axis("length=10,50,200")
    kinds = small(cell="gru"), small(cell="rnn-norm"), small(guard="skip")
    for settings in (*kinds, small(layers=2, dropout=0.1)):
        plan = MapPlan(replace(settings, iterations=1000), *axes)
        parts = plan.parts()
        # 10,000 steps each, then 50,000, then 200,000: 16 at most, then 4, then one by one.
        assert [len(part.cells) for part in parts] == [16, 7, *[4] * 4, 1, *[1] * 20]
        assert not any(part.together for part in parts)
        assert MapPlan.from_dict(json.loads(json.dumps(plan.as_dict()))) == plan
        assert [cell for part in parts for cell in part.cells] == list(plan.cells())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": Axis("lr", (1.0,))}, "both axes vary lr"),
        ({"seeds": 0}, "--seeds must be a whole number of at least 1, not 0"),
        ({"threads": 0}, "--threads"),
        ({"init_scale": 0.0}, "--init-scale must be a number above 0"),
        ({"y": Axis("init_scale", (-1.0,))}, "init_scale must be a number above 0, not -1"),
        ({"settings": Chars()}, "a map trains memory tasks"),
        ({"settings": small(precision="bf16-true")}, "a map cannot use --precision bf16-true"),
        ({"settings": small(curriculum="linear")}, "a map does not support --curriculum"),
        ({"settings": small(safe=True)}, "a map does not support --safe"),
        ({"settings": small(guard="pray")}, "pray"),
        ({"settings": small(cell="lstm", init="chrono"), "y": Axis("length", (1, 9))}, "length of"),
        ({"settings": small(cell="rnn-norm"), "y": Axis("hidden", (1, 9))}, "needs --hidden 2"),
        (
            {"y": Axis("symbols", (3,))},
            "temporal-order has no setting symbols to vary: choose one of bat",
        ),
        ({"y": Axis("length", (5, 20))}, "length of temporal-order must be"),
        ({"x": Axis("lr", (-1.0, 1.0))}, "--lr must be a number above 0, not -1"),
        ({"x": Axis("momentum", (0.5, 1.0))}, "--momentum"),
    ],
)
def test_a_plan_that_makes_no_sense_is_told(change: dict[str, Any], words: str) -> None:
    good: dict[str, Any] = {
        "settings": small(), "x": Axis("lr", (0.1, 1.0)), "y": Axis("gain", (1.0,)),
    }  # fmt: skip
    with pytest.raises(SettingError) as caught:
        MapPlan(**good | change)
    assert words in str(caught.value)


def test_a_plan_comes_back_from_json_and_has_one_folder() -> None:
    plan = MapPlan(small(), parse_axis("lr=log:0.1:1:3"), parse_axis("length=10,12"), seeds=2)
    again = MapPlan.from_dict(json.loads(json.dumps(plan.as_dict())))
    assert again == plan
    assert map_folder(again) == map_folder(plan) == map_folder(replace(plan, threads=2))
    assert map_folder(replace(plan, seeds=1)) != map_folder(plan)
    with pytest.raises(SettingError, match="this is not the plan of a map"):
        MapPlan.from_dict({"task": "temporal-order"})


def test_a_region_is_mapped_as_finely() -> None:
    plan = MapPlan(small(), parse_axis("lr=log:0.01:1:9"), parse_axis("gain=1:2:5"))
    finer = plan.zoomed({"lr": (0.1, 0.2)})
    assert finer.x == parse_axis("lr=log:0.1:0.2:9")
    assert finer.y == plan.y
    with pytest.raises(
        SettingError, match="names 'clip', which is not an axis of this map: choose from lr"
    ):
        plan.zoomed({"clip": (1, 2)})


# -- on disk -----------------------------------------------------------------------------------


def plan_of_three_parts() -> MapPlan:
    return MapPlan(small(), parse_axis("lr=log:0.1:10:3"), parse_axis("length=10,11,12"))


def same(one: StabilityMap, other: StabilityMap) -> None:
    """Bit for bit, NaN where NaN is."""
    for name in ("outcomes", "loss", "growth", "growth_start", "agreement"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def plan_of_two_parts() -> MapPlan:
    return MapPlan(small(), parse_axis("lr=log:0.1:10:3"), parse_axis("length=10,11"))


class Watcher(Unwatched):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.counted: list[int] = []
        self.said: list[str] = []

    def begin(self, total: int, done: int) -> None:
        self.begun.append((total, done))

    def advance(self, amount: int) -> None:
        self.counted.append(amount)

    def failed(self, words: str) -> None:
        self.said.append(words)


@pytest.mark.usefixtures("forked_trials")
def test_an_engine_gives_the_same_map(tmp_path: Path) -> None:
    """Bit for bit: the same batches, in processes of their own."""
    plan = plan_of_two_parts()
    inside, outside = Watcher(), Watcher()
    here = run_map(plan, tmp_path / "here", view=inside)
    there = run_map(plan, tmp_path / "there", engine=make_engine("local:2"), view=outside)
    same(here, there)
    assert inside.begun == outside.begun == [(2 * 3 * 20, 0)]
    assert [n for n in inside.counted if n] == [3] * 20 * 2
    assert outside.counted == [3 * 20] * 2
    kept = {path.name for path in (tmp_path / "there").iterdir()} - {".lock"}
    assert kept == {"map.json", "progress.json", "part-0000.npz", "part-0001.npz"}
    told = json.loads((tmp_path / "there" / "progress.json").read_text())
    assert (told["done"], told["total"], told["unit"], told["ended"]) == (6, 6, "network", True)


@pytest.mark.long
@pytest.mark.usefixtures("forked_trials")
def test_a_guard_that_never_acts_gives_the_map_of_the_batch(tmp_path: Path) -> None:
    """The two ways side by side, one through an engine's processes."""
    batch = MapPlan(small(precision="64-true"), parse_axis("lr=0.1,0.3,1e308"), Axis("gain", (1,)))
    alone = replace(batch, settings=replace(batch.settings, guard="clip:norm=1e300"))
    assert batch.together
    assert not alone.together
    wanted = run_map(batch, tmp_path / "batch")
    found = run_map(alone, tmp_path / "alone", engine=make_engine("local:1"))
    np.testing.assert_array_equal(found.outcomes, wanted.outcomes)
    assert len(set(found.outcomes.flatten().tolist())) > 1
    for name in ("loss", "growth", "growth_start"):
        one, other = getattr(found, name), getattr(wanted, name)
        np.testing.assert_allclose(one[:, :2], other[:, :2], **EXACT, err_msg=name)


class Deadly:
    """Runs trials on this machine, of which the first one kills itself."""

    workers = 1

    def run(self, trials: Sequence[Trial]) -> Generator[Ended, None, None]:
        code = "import os, signal; print('so long', flush=True); os.kill(os.getpid(), 9)"
        deadly = [replace(t, command=(sys.executable, "-c", code)) for t in trials[:1]]
        return make_engine("local:1").run([*deadly, *trials[1:]])


@pytest.mark.usefixtures("forked_trials")
def test_a_part_whose_process_is_killed_is_told_and_trained_the_next_time(tmp_path: Path) -> None:
    plan, path = plan_of_two_parts(), tmp_path / "map"
    watcher = Watcher()
    found = run_map(plan, path, engine=Deadly(), view=watcher)
    assert watcher.said == ["3 networks were not trained: ended by signal 9: so long"]
    assert found.trained == 3
    copied = shutil.copytree(path, tmp_path / "copied")
    whole = run_map(plan, path)
    assert whole.complete
    # A study that was killed itself has left a trial that was done.
    left = MapFolder(copied / "trials" / "part-0000")
    left.begin(plan.as_dict())
    shutil.copy(path / "part-0000.npz", left.path)
    none_to_run = run_map(plan, copied, engine=Deadly(), view=watcher)
    assert len(watcher.said) == 1
    same(none_to_run, whole)
    assert not left.path.parent.exists()


def test_two_maps_do_not_share_a_folder(tmp_path: Path) -> None:
    plan = plan_of_three_parts()
    MapFolder(tmp_path / "map").begin(plan.as_dict())
    with alone(tmp_path / "map"), pytest.raises(RunError, match="another study is running"):
        run_map(plan, tmp_path / "map")


def test_an_interrupted_map_goes_on_with_the_missing_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of_three_parts()
    whole = run_map(plan, tmp_path / "whole")
    assert whole.complete
    real, trained = train_part, []

    def interrupted(part: Any, **how: Any) -> Trained:
        trained.append(part.number)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return real(part, **how)

    monkeypatch.setattr(_here, "train_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_map(plan, tmp_path / "map")
    part_way = read_map(tmp_path / "map")
    assert (part_way.trained, part_way.complete) == (3, False)
    assert (part_way.outcomes[1:] == -1).all()
    assert np.isnan(part_way.loss[1:]).all()
    np.testing.assert_array_equal(part_way.loss[0], whole.loss[0])
    same(run_map(plan, tmp_path / "map"), whole)
    assert trained == [0, 1, 1, 2]
    same(run_map(plan, tmp_path / "map"), whole)
    assert trained == [0, 1, 1, 2]
    same(read_map(tmp_path / "map"), whole)


def test_a_full_disk_is_one_sentence_and_costs_one_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, real, calls = plan_of_three_parts(), np.savez, []

    def full(file: Any, **arrays: Any) -> None:
        calls.append(file)
        if len(calls) == 2:
            file.write(b"half of it")
            raise OSError(28, os.strerror(28))
        real(file, **arrays)

    monkeypatch.setattr("numpy.savez", full)
    with pytest.raises(
        RunError, match=r"part-0001.npz: No space left on device; finished parts are kept"
    ):
        run_map(plan, tmp_path / "map")
    assert sorted(path.name for path in (tmp_path / "map").glob("[!.]*")) == [
        "map.json", "part-0000.npz", "progress.json",
    ]  # fmt: skip
    told = json.loads((tmp_path / "map" / "progress.json").read_text())
    assert (told["done"], told["total"], told["ended"]) == (3, 9, False)
    assert told["left"] > 0
    assert run_map(plan, tmp_path / "map").complete


def test_a_map_that_was_begun_in_smaller_parts_is_finished(tmp_path: Path) -> None:
    """An earlier version trained some cells one by one, in parts of 16."""
    plan = MapPlan(small(cell="mingru"), parse_axis("lr=0.1,1"), parse_axis("clip=1,9"))
    (whole,) = plan.parts()
    folder = MapFolder(tmp_path / "map")
    with folder.open(plan.as_dict()):
        folder.keep(0, train_part(replace(whole, cells=whole.cells[:2])))
    assert (read_map(folder.path).trained, folder.done_of([whole])) == (2, set())
    assert run_map(plan, folder.path).complete
    assert folder.done_of([whole]) == {0}


def test_another_map_a_foreign_folder_and_damage_are_told(tmp_path: Path) -> None:
    plan = plan_of_three_parts()
    run_map(plan, tmp_path / "map")
    other = replace(plan, seeds=2, settings=replace(plan.settings, hidden=7))
    with pytest.raises(
        RunError, match=r"holds a map with other settings \(hidden 5, now 7; seeds 1, now 2\)"
    ):
        run_map(other, tmp_path / "map")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "letter.txt").write_text("mine")
    with pytest.raises(RunError, match="already exists and is not a map"):
        run_map(plan, tmp_path / "foreign")
    with pytest.raises(RunError, match=r"is not a map: .*map.json does not exist"):
        read_map(tmp_path / "foreign")
    part = tmp_path / "map" / "part-0001.npz"
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(RunError, match="remove it, and run the same command again"):
        read_map(tmp_path / "map")
    part.unlink()
    assert run_map(plan, tmp_path / "map").complete
    told = tmp_path / "map" / "map.json"
    told.write_text(told.read_text().replace(f'"format": {FORMAT}', '"format": 9'))
    with pytest.raises(RunError, match="written by a newer Backsight"):
        read_map(tmp_path / "map")
    told.write_text("[]")
    with pytest.raises(RunError, match=r"map.json is damaged: it is a list"):
        read_map(tmp_path / "map")


# -- what is said of a map -----------------------------------------------------------------------


def by_hand(tmp_path: Path) -> StabilityMap:
    """3 by 4: known outcomes and losses."""
    plan = MapPlan(small(), Axis("lr", (1.0, 2.0, 4.0, 8.0), "log"), parse_axis("gain=1:3:3"))
    outcomes = np.array([[1, 0, 3, 4], [1, 0, 0, 4], [2, 2, 0, -1]], np.int8)
    loss = np.array([[1.4, 0.5, 9, np.nan], [1.4, 0.1, 0.4, np.nan], [1.4, 1.4, 0.3, np.nan]])
    return StabilityMap(
        plan, tmp_path, outcomes, loss, loss * 0, loss * 0, np.ones((3, 4))
    )  # fmt: skip


def test_best_path_and_the_least_fragile_are_of_those_that_learned(tmp_path: Path) -> None:
    found = by_hand(tmp_path)
    assert found.best == (1, 1)
    assert found.values((1, 1)) == {"lr": 2.0, "gain": 2.0}
    assert found.best_by_column == [None, 1, 2, None]
    # gain 2 needs 1 to 4: the map ends at 3, so no neighbourhood is whole.
    assert found.least_fragile is None
    none = replace(found, outcomes=np.where(found.outcomes == 0, 3, found.outcomes).astype(np.int8))
    assert none.best == (0, 0)  # of those that did not explode
    assert none.best_by_column == [None] * 4
    gone = replace(found, loss=found.loss * np.nan)
    assert gone.best is None


def test_the_least_fragile_setting_has_all_its_neighbours_on_the_map(tmp_path: Path) -> None:
    plan = MapPlan(small(), parse_axis("lr=log:1:64:7"), parse_axis("gain=1:16:16"))
    outcomes = np.zeros((16, 7), np.int8)
    outcomes[:, :3] = 3
    loss = np.full((16, 7), 0.5)
    loss[6, 4], loss[0, 6] = 0.4, 0.1
    found = StabilityMap(plan, tmp_path, outcomes, loss, loss, loss, loss * 0 + 1)
    assert found.best == (0, 6)
    assert found.least_fragile == (6, 4)
    assert found.fragility((6, 4)).share == 0


def test_a_setting_is_found_by_its_values(tmp_path: Path) -> None:
    plan = by_hand(tmp_path).plan
    assert place_of(plan, {"gain": 2.2, "lr": 5.0}) == (1, 2)
    with pytest.raises(SettingError, match="a point of this map needs lr and gain, not lr"):
        place_of(plan, {"lr": 1})
    with pytest.raises(SettingError, match="lr=9 lies outside the map, whose lr goes from 1 to 8"):
        place_of(plan, {"lr": 9, "gain": 1})
