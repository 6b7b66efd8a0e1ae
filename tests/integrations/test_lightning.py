"""``BacksightCallback`` of Lightning."""

import logging
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

pytest.importorskip("lightning", minversion="2.4")

import lightning.pytorch as pl
from lightning.pytorch.callbacks import (
    LearningRateFinder,
    ModelCheckpoint,
    StochasticWeightAveraging,
)
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.plugins.precision import MixedPrecision

import backsight
from backsight.errors import RunError
from backsight.integrations._cadence import Cadence
from backsight.integrations.lightning import BacksightCallback
from backsight.signals import Run
from tests.integrations.conformance import EVERY_TIME, Conformance, Course, not_finite, same_record

pytestmark = pytest.mark.filterwarnings("ignore")

for name in ("lightning.pytorch", "lightning.fabric"):
    logging.getLogger(name).setLevel(logging.ERROR)


class Module(pl.LightningModule):  # type: ignore[misc, unused-ignore]
    """An LSTM that tells the sign of the first number."""

    layer: Any = nn.LSTM

    def __init__(self, course: Course) -> None:
        super().__init__()
        self.rnn = self.layer(1, 6, batch_first=True)
        self.head = nn.Linear(6, 2)
        self.course, self.passes = course, 0
        self.optimizer = torch.optim.Adam(self.parameters(), lr=0.01)

    def loss(self, batch: list[Tensor]) -> Tensor:
        """The loss of a batch."""
        x, y = batch
        return cross_entropy(self.head(self.rnn(x)[0][:, -1]), y)

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        """The loss, spoiled as the course wants it."""
        self.passes += 1
        return self.course.spoil(self.passes - 1, self.loss(batch))

    def configure_optimizers(self) -> Any:
        """Adam."""
        return self.optimizer


def batches(size: int = 8) -> DataLoader[Any]:
    """48 sequences of ten numbers, each with the sign of its first."""
    x = torch.randn(48, 10, 1, generator=torch.Generator().manual_seed(1))
    return DataLoader(TensorDataset(x, (x[:, 0, 0] > 0).long()), size)


def trainer(callbacks: list[Any], **options: Any) -> Any:
    """On the CPU; it writes nothing by itself."""
    quiet = {
        "accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False,
        "enable_progress_bar": False, "enable_model_summary": False,
    }  # fmt: skip
    return pl.Trainer(callbacks=callbacks, **{**quiet, **options})


class TestLightning(Conformance):
    """Automatic optimization: the suite of all callbacks."""

    callback = BacksightCallback
    iterations = 12
    module = "rnn.l0"

    def train(self, callbacks: list[Any], course: Course) -> nn.Module:
        """Two epochs of six batches."""
        module = Module(course)
        fitting = trainer(
            callbacks, max_epochs=1 if course.stop else 2, log_every_n_steps=2,
            logger=CSVLogger(course.folder, name="", version=""),
        )  # fmt: skip
        saved = course.folder / "last.ckpt"
        with course.watching(module, module.optimizer):
            fitting.fit(module, batches(), ckpt_path=saved if course.resume else None)
        fitting.save_checkpoint(saved)
        return module

    def logged(self, folder: Path) -> dict[str, list[tuple[int, float]]]:
        """What the trainer's ``CSVLogger`` wrote."""
        return read_csv(folder / "metrics.csv")


def read_csv(path: Path) -> dict[str, list[tuple[int, float]]]:
    """By name, each value with its step; only ours."""
    header, *rows = [line.split(",") for line in path.read_text().splitlines()]
    step, found = header.index("step"), dict[str, list[tuple[int, float]]]()
    for row in rows:
        for name, value in zip(header, row, strict=True):
            if name.startswith("backsight/") and value:
                found.setdefault(name, []).append((int(row[step]), float(value)))
    return found


# -- the record, beside a plain loop -----------------------------------------------------------


def fitted(module: pl.LightningModule, run: Path, **options: Any) -> Run:
    """The run of a training with the callback."""
    trainer([BacksightCallback(run, every=2)], max_epochs=2, **options).fit(module, batches())
    return Run(run)


def plain_loop(
    run: Path, kind: type[Module] = Module, *, accumulate: int = 1, clip: float = math.inf
) -> Run:
    """The same as two epochs of a module, by hand."""
    torch.manual_seed(0)
    module = kind(Course(run))
    with backsight.watch(module, module.optimizer, run, every=2):
        for _ in range(2):
            for number, batch in enumerate(batches()):
                (module.loss(batch) / accumulate).backward()  # type: ignore[no-untyped-call]
                if (number + 1) % accumulate == 0:
                    nn.utils.clip_grad_norm_(module.parameters(), clip)
                    module.optimizer.step()
                    module.optimizer.zero_grad()
    return Run(run)


def module(kind: type[Module] = Module) -> Module:
    """With the weights that :func:`plain_loop` begins with."""
    torch.manual_seed(0)
    return kind(Course(Path()))


def test_the_numbers_are_those_of_a_loop_by_hand(tmp_path: Path) -> None:
    by_hand = plain_loop(tmp_path / "loop")
    same_record(by_hand, fitted(module(), tmp_path / "fit"), EVERY_TIME)


def test_accumulated_batches_are_one_iteration(tmp_path: Path) -> None:
    by_hand = plain_loop(tmp_path / "loop", accumulate=2)
    run = fitted(module(), tmp_path / "fit", accumulate_grad_batches=2)
    assert run.iterations == 6
    same_record(by_hand, run, EVERY_TIME)


def test_clipping_shows_between_computed_and_applied_gradients(tmp_path: Path) -> None:
    by_hand = plain_loop(tmp_path / "loop", clip=0.01)
    run = fitted(module(), tmp_path / "fit", gradient_clip_val=0.01)
    same_record(by_hand, run, EVERY_TIME)
    assert run["grad_norm"].min() > 0.02
    assert run["grad_norm_applied"] == pytest.approx(0.01, rel=1e-3)


def test_mixed_precision_is_recorded_and_left_alone(tmp_path: Path) -> None:
    plain, observed = module(), module()
    trainer([], max_epochs=2, precision="bf16-mixed").fit(plain, batches())
    run = fitted(observed, tmp_path / "fit", precision="bf16-mixed")
    assert run.iterations == 12
    assert len(run["reach/rnn.l0"]) == 6
    for one, other in zip(plain.parameters(), observed.parameters(), strict=True):
        assert torch.equal(one, other)


class Gated(Module):
    """With a GRU: PyTorch has no LSTM in half precision on the CPU."""

    layer = nn.GRU


def test_a_gradient_scaler_is_recorded_without_its_scale(tmp_path: Path) -> None:
    def scaled() -> Any:
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        return MixedPrecision("16-mixed", device="cpu", scaler=scaler)

    plain, observed = module(Gated), module(Gated)
    trainer([], max_epochs=2, plugins=[scaled()]).fit(plain, batches())
    run = fitted(observed, tmp_path / "fit", plugins=[scaled()])
    by_hand = plain_loop(tmp_path / "loop", Gated)
    for name in ("loss", "grad_norm", "grad_norm_applied"):
        assert run[name] == pytest.approx(by_hand[name], rel=0.05), name
    for one, other in zip(plain.parameters(), observed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_closure_that_is_evaluated_many_times_is_one_iteration(tmp_path: Path) -> None:
    class Second(Module):
        def configure_optimizers(self) -> Any:
            return torch.optim.LBFGS(self.parameters(), max_iter=3)

    run = fitted(module(Second), tmp_path / "fit")
    assert run.iterations == 12
    assert run["loss"][0] == pytest.approx(plain_loop(tmp_path / "loop")["loss"][0])


class TwoOptimizers(Module):
    """Manual optimization: two steps a batch, one after the other, each on its own loss."""

    def __init__(self, course: Course) -> None:
        super().__init__(course)
        self.automatic_optimization = False

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        """A step of each."""
        for optimizer in self.optimizers():
            loss = self.course.spoil(self.passes, self.loss(batch))
            self.passes += 1
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
        return loss

    def configure_optimizers(self) -> Any:
        """One for the layer, one for the head."""
        return (
            torch.optim.Adam(self.rnn.parameters(), lr=0.01),
            torch.optim.SGD(self.head.parameters(), lr=0.1),
        )


def test_manual_optimization_has_an_iteration_for_each_step(tmp_path: Path) -> None:
    plain = module(TwoOptimizers)
    trainer([], max_epochs=2).fit(plain, batches())
    observed = module(TwoOptimizers)
    logger = CSVLogger(tmp_path, name="", version="")
    run = fitted(observed, tmp_path / "fit", logger=logger, log_every_n_steps=4)
    assert run.iterations == 24
    assert np.isfinite(run["grad_norm_applied"]).all()
    for one, other in zip(plain.parameters(), observed.parameters(), strict=True):
        assert torch.equal(one, other)
    steps, values = zip(*read_csv(tmp_path / "metrics.csv")["backsight/grad_norm"], strict=True)
    assert steps == (3, 7, 11)
    assert values == pytest.approx(run["grad_norm"][[7, 15, 23]])  # the second of each step


def test_a_guard_acts_in_manual_optimization(tmp_path: Path) -> None:
    guarded = TwoOptimizers(Course(tmp_path, spoil=not_finite))
    callback = BacksightCallback(tmp_path / "run", guard="skip")
    trainer([callback], max_epochs=1).fit(guarded, batches())
    assert all(parameter.isfinite().all() for parameter in guarded.parameters())


@pytest.mark.parametrize(
    ("options", "iterations"),
    [
        ({"max_epochs": 4, "averaged": True}, 24),
        ({"max_epochs": 2, "found": True, "enable_checkpointing": False}, 12),
        ({"fast_dev_run": 2}, 2),
        ({"max_epochs": 2, "barebones": True}, 12),
        ({"max_epochs": 1, "precision": "64-true", "detect_anomaly": True}, 6),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_beside_other_features_of_the_trainer(
    options: dict[str, Any], iterations: int, tmp_path: Path
) -> None:
    class Rated(Module):
        lr = 0.01

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=self.lr)

    def trained(callbacks: list[Any]) -> list[Tensor]:
        rest, more = dict(options), []
        if rest.pop("averaged", False):
            more.append(StochasticWeightAveraging(0.01, swa_epoch_start=2))
        if rest.pop("found", False):  # trains five steps of its own, which are none of this
            more.append(LearningRateFinder(num_training_steps=5))
        one = module(Rated)
        trainer([*callbacks, *more], default_root_dir=tmp_path, **rest).fit(one, batches())
        return list(one.parameters())

    plain = trained([])
    observed = trained([BacksightCallback(tmp_path / "run", every=2)])
    for one, other in zip(plain, observed, strict=True):
        assert torch.equal(one, other)
    assert Run(tmp_path / "run").iterations == iterations


# -- what is no training -----------------------------------------------------------------------


class Validating(Module):
    """Its validation computes gradients, and its prediction is a training step's twin."""

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        """With gradients, in training mode."""
        with torch.enable_grad():
            self.train()
            loss = 1000 * self.loss(batch)
            torch.autograd.backward(loss)
            self.zero_grad()
        self.log("valid", loss.detach())

    test_step = validation_step


def test_validation_and_the_sanity_check_are_left_out(tmp_path: Path) -> None:
    by_hand = plain_loop(tmp_path / "loop")
    callback = BacksightCallback(tmp_path / "fit", every=2)
    fitting = trainer(
        [callback], max_epochs=2, val_check_interval=2, num_sanity_val_steps=2, inference_mode=False
    )
    observed = module(Validating)
    fitting.fit(observed, batches(), batches(24))
    fitting.validate(observed, batches(24), verbose=False)
    fitting.test(observed, batches(24), verbose=False)
    same_record(by_hand, Run(tmp_path / "fit"), EVERY_TIME)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()].count("fit-2") == 0


def test_nothing_to_train_is_no_run(tmp_path: Path) -> None:
    callback = BacksightCallback(tmp_path / "run")
    trainer([callback], max_epochs=2, limit_train_batches=0).fit(module(), batches())
    assert callback.run is None
    assert not (tmp_path / "run").exists()


def test_a_validation_that_raises_ends_the_run(tmp_path: Path) -> None:
    class Broken(Module):
        def validation_step(self, batch: list[Tensor], number: int) -> None:
            raise RuntimeError("broken validation")

    callback = BacksightCallback(tmp_path / "run")
    with pytest.raises(RuntimeError, match="broken validation"):
        trainer([callback], max_epochs=2, num_sanity_val_steps=0).fit(
            module(Broken), batches(), batches()
        )
    assert (Run(tmp_path / "run").status, Run(tmp_path / "run").iterations) == ("failed", 6)


def test_an_interrupt_is_told_as_one(tmp_path: Path) -> None:
    class Interrupted(Module):
        def training_step(self, batch: list[Tensor], number: int) -> Tensor:
            if number == 3:
                raise KeyboardInterrupt
            return self.loss(batch)

    with pytest.raises(SystemExit):
        fitted(module(Interrupted), tmp_path / "run")
    run = Run(tmp_path / "run")
    assert (run.status, run.end_reason, run.iterations) == ("failed", "interrupted", 3)


# -- checkpoints -------------------------------------------------------------------------------


def test_a_checkpoint_of_plain_types_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    saver = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=4, save_top_k=-1)
    callback = BacksightCallback(tmp_path / "run", guard="safe")
    trainer([callback, saver], max_epochs=2, enable_checkpointing=True).fit(module(), batches())
    saved = torch.load(tmp_path / "step=4.ckpt", weights_only=True)
    state = saved["callbacks"]["BacksightCallback"]
    assert state["watch"]["iteration"] == 4
    assert state["watch"]["run"] == str(tmp_path / "run")

    again = BacksightCallback(tmp_path / "run", guard="safe")
    fitting = trainer([again], max_epochs=2)
    fitting.fit(module(), batches(), ckpt_path=tmp_path / "step=4.ckpt")
    assert again.run is not None
    assert (again.run.name, again.run.iterations) == ("run", fitting.global_step)


def test_a_checkpoint_that_is_tested_is_not_gone_on_with(tmp_path: Path) -> None:
    callback = BacksightCallback(tmp_path / "run")
    fitting = trainer([callback], max_epochs=1, inference_mode=False)
    observed = module(Validating)
    fitting.fit(observed, batches())
    fitting.save_checkpoint(tmp_path / "last.ckpt")
    fitting.test(observed, batches(24), ckpt_path=tmp_path / "last.ckpt", verbose=False)
    fitting.fit_loop.max_epochs = 2
    fitting.fit(observed, batches())
    assert [Run(tmp_path / name).iterations for name in ("run", "run-2")] == [6, 6]


def test_a_second_training_of_one_trainer_is_logged_where_the_trainer_stands(
    tmp_path: Path,
) -> None:
    callback = BacksightCallback(tmp_path / "run")
    logger = CSVLogger(tmp_path, name="", version="")
    fitting = trainer([callback], max_epochs=1, logger=logger, log_every_n_steps=3)
    observed = module()
    fitting.fit(observed, batches())
    fitting.fit_loop.max_epochs = 2
    fitting.fit(observed, batches())
    steps, values = zip(*read_csv(tmp_path / "metrics.csv")["backsight/grad_norm"], strict=True)
    first, second = (Run(tmp_path / name)["grad_norm"] for name in ("run", "run-2"))
    assert steps == (2, 5, 8, 11)
    assert values == pytest.approx([first[2], first[5], second[2], second[5]])


# -- the trainer's logger ----------------------------------------------------------------------


def test_tensorboard_has_each_value_at_its_step(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    logger = TensorBoardLogger(tmp_path, name="", version="")
    run = fitted(module(), tmp_path / "run", logger=logger, log_every_n_steps=1)
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    ours = [name for name in events.Tags()["scalars"] if name.startswith("backsight/")]
    assert set(ours) == {
        "backsight/grad_norm", "backsight/grad_norm_applied", "backsight/horizon/rnn.l0",
        "backsight/half_life/rnn.l0", "backsight/hidden_norm_mean/rnn.l0",
        "backsight/memory_length/rnn.l0",
    }  # fmt: skip
    for name in ours:
        series = run.series(name.removeprefix("backsight/"))
        points = {event.step: event.value for event in events.Scalars(name)}
        assert list(points) == series.iterations.tolist(), name
        assert list(points.values()) == pytest.approx(series.values.tolist(), rel=1e-6)


def test_a_logger_that_fails_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Failing(CSVLogger):  # type: ignore[misc, unused-ignore]
        def log_metrics(self, metrics: Any, step: int | None = None) -> None:
            raise OSError("the server is down")

    logger = Failing(tmp_path, name="", version="")
    run = fitted(module(), tmp_path / "run", logger=logger, log_every_n_steps=1)
    assert (run.status, run.iterations) == ("finished", 12)
    assert caplog.text.count("the trainer's logger gets no more numbers") == 1


def test_an_error_of_ours_ends_nothing_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(Cadence, "note", broken)
    run = fitted(module(), tmp_path / "run")
    assert (run.status, run.iterations) == ("finished", 12)
    assert caplog.text.count("on_train_batch_start failed: RuntimeError('ours')") == 1


def test_a_run_folder_that_exists_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    fitted(module(), tmp_path / "run")
    untouched, fresh = module(), module()
    with pytest.raises(RunError, match="already exists"):
        fitted(untouched, tmp_path / "run")
    for one, other in zip(untouched.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(one, other)


# -- packages, processes, compilers ------------------------------------------------------------


def test_the_other_package_of_lightning_takes_it_too(tmp_path: Path) -> None:
    other = pytest.importorskip("pytorch_lightning")
    callback = BacksightCallback(tmp_path / "run")
    assert isinstance(callback, other.Callback)
    assert isinstance(callback, pl.Callback)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}

    class Other(other.LightningModule):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.LSTM(1, 6, batch_first=True)

        def training_step(self, batch: list[Tensor], _: int) -> Tensor:
            loss: Tensor = self.rnn(batch[0])[0][:, -1].square().mean()
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=0.01)

    fitting = other.Trainer(
        callbacks=callback, max_epochs=1, accelerator="cpu", enable_checkpointing=False, **quiet
    )
    fitting.fit(Other(), batches())
    assert Run(tmp_path / "run").iterations == 6


def test_given_twice_lightning_says_so(tmp_path: Path) -> None:
    callback = BacksightCallback(tmp_path / "run")
    with pytest.raises(RuntimeError, match="more than one stateful callback"):
        trainer([callback, callback])


def test_a_class_of_ones_own_can_be_derived_and_sent() -> None:
    sent = pickle.loads(pickle.dumps(Derived("runs/mine", guard="skip")))
    assert isinstance(sent, Derived)
    assert sent.mark == 7


class Derived(BacksightCallback):
    """A user's own."""

    mark = 7


@pytest.mark.parametrize(
    "strategy", ["ddp_fork", pytest.param("ddp_spawn", marks=pytest.mark.long)]
)
def test_the_first_of_two_processes_records(strategy: str, tmp_path: Path) -> None:
    callback = BacksightCallback(tmp_path / "run", every=2, guard="skip")
    for _ in range(2):
        trainer([callback], max_epochs=1, devices=2, strategy=strategy).fit(module(), batches())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run-2"]
    run = Run(tmp_path / "run")
    assert (run.status, run.iterations) == ("finished", 3)
    assert len(run["reach/rnn.l0"]) == 2
    assert callback.run is None


def test_a_compiled_layer_and_a_compiled_module_are_recorded(tmp_path: Path) -> None:
    observed: Any = torch.compile(module(), backend="eager")
    assert fitted(observed, tmp_path / "module").iterations == 12
    inside: Any = module()
    inside.head = torch.compile(inside.head, backend="eager")
    run = fitted(inside, tmp_path / "layer")
    assert (run.iterations, len(run["reach/rnn.l0"])) == (12, 6)
