"""What every callback does, whatever its library: inherit, and say how the library trains.

``class TestSomething(Conformance)`` in a file of its own, after ``pytest.importorskip``, with the
class of the callback and one method, :meth:`Conformance.train`. ``make integrations`` runs all.
"""

import copy
import doctest
import io
import logging
import pickle
import random
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import backsight
from backsight.errors import SettingError
from backsight.integrations._session import end_those_left
from backsight.monitor import NullRecorder, ProcessMonitor
from backsight.signals import Run, family
from tests.unharmed import of_pytorch

__all__ = ["BROKEN", "EVERY_TIME", "Conformance", "Course", "not_finite", "raising", "same_record"]

BROKEN = "this batch is broken"

CLOCKED = ("tokens_per_second",)
"""Signals that a clock decides."""

EVERY_TIME = ("loss", "grad_norm", "grad_norm_applied", "hidden_norm_max", "reach", "horizon")
"""Signals that depend on nothing that was seen before: another process records the same."""

Watching = Callable[[nn.Module, Any], AbstractContextManager[Any]]


def healthy(number: int, loss: Tensor) -> Tensor:
    """The loss as it is."""
    return loss


def unwatched(model: nn.Module, optimizer: Any) -> AbstractContextManager[Any]:
    """Nothing around it."""
    return nullcontext()


@dataclass
class Course:
    """How one training goes.

    Attributes:
        folder: where the trainer may write: its log, and the checkpoint that it always leaves.
        stop: the iterations after which it ends; None for all of :attr:`Conformance.iterations`.
        resume: whether it goes on from the checkpoint that an earlier one has left in the folder.
        spoil: called with the number of each forward pass of the training and its loss, which it
            may replace; it may also raise.
        watching: a context, given the model and the optimizer or optimizers, in which it trains.
    """

    folder: Path
    stop: int | None = None
    resume: bool = False
    spoil: Callable[[int, Tensor], Tensor] = healthy
    watching: Watching = unwatched


def raising(number: int, loss: Tensor) -> Tensor:
    """The fifth batch is broken."""
    if number == 4:
        raise RuntimeError(BROKEN)
    return loss


def not_finite(number: int, loss: Tensor) -> Tensor:
    """Every loss from the fourth on is NaN."""
    return loss * torch.nan if number >= 3 else loss


def same_record(one: Run, other: Run, families: Collection[str] = ()) -> None:
    """Every number of every signal, bit for bit, or of some; but not what a clock decides."""
    named = [
        {n for n in run.names if n not in CLOCKED and (family(n) in families or not families)}
        for run in (one, other)
    ]
    assert named[0] ^ named[1] == set()
    assert one.iterations == other.iterations
    for name in sorted(named[0]):
        first, second = one.read([name])[name], other.read([name])[name]
        assert np.array_equal(first.iterations, second.iterations), name
        values = [np.ma.filled(run[name], -1) for run in (one, other)]
        assert np.array_equal(values[0], values[1], equal_nan=True), name


class Conformance:
    """The suite: a library's file says what is below, and overrides what does not apply."""

    callback: type[Any]
    iterations: int
    """Of a whole training, at least ten."""
    module: str
    """The name of what is measured in it, as in ``reach/MODULE``."""
    resumes = True
    """Whether the trainer has checkpoints, with a place for what a callback saves."""
    guards = True
    """Whether a guard can act."""
    tells_errors = True
    """Whether the trainer tells its callbacks that a training raised. Where it does not, that is
    noticed when the next training begins, or at the end of the process."""

    def train(self, callbacks: list[Any], course: Course) -> nn.Module:
        """Train a small recurrent model, the same in each call, and return it."""
        raise NotImplementedError

    def logged(self, folder: Path) -> dict[str, list[tuple[int, float]]] | None:
        """What the trainer's own log has by name, each value with its step; None without one."""
        return None

    # -- helpers ---------------------------------------------------------------------------

    def outcome(self, callbacks: list[Any], course: Course) -> list[Tensor]:
        """Weights and random numbers that a training leaves."""
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        course.folder.mkdir(parents=True, exist_ok=True)
        model = self.train(callbacks, course)
        weights = [value.clone() for value in model.state_dict().values()]
        return [*weights, torch.get_rng_state(), torch.tensor(random.random())]

    def failing(self, callbacks: list[Any], course: Course) -> None:
        """A training that raises, in a script that goes on with what is next."""
        try:
            self.outcome(callbacks, course)
        except RuntimeError:
            if not self.tells_errors:
                end_those_left()  # as the next training does
            raise

    # -- the suite -------------------------------------------------------------------------

    def test_training_is_bit_identical(self, tmp_path: Path) -> None:
        before = of_pytorch()
        plain = self.outcome([], Course(tmp_path / "plain"))
        observed = self.outcome(
            [self.callback(tmp_path / "run", every=2)], Course(tmp_path / "observed")
        )
        assert len(plain) == len(observed)
        for one, other in zip(plain, observed, strict=True):
            assert torch.equal(one, other)
        assert of_pytorch() == before
        run = Run(tmp_path / "run")
        assert (run.status, run.iterations) == ("finished", self.iterations)

    def test_the_record_is_that_of_watch(self, tmp_path: Path) -> None:
        def watching(model: nn.Module, optimizer: Any) -> AbstractContextManager[Any]:
            return backsight.watch(model, optimizer, tmp_path / "watch", every=2)

        self.outcome([], Course(tmp_path / "one", watching=watching))
        self.outcome([self.callback(tmp_path / "callback", every=2)], Course(tmp_path / "other"))
        same_record(Run(tmp_path / "watch"), Run(tmp_path / "callback"))
        assert f"reach/{self.module}" in Run(tmp_path / "callback").names

    def test_a_training_that_raises_closes_its_run_as_failed(self, tmp_path: Path) -> None:
        before = of_pytorch()
        callback = self.callback(tmp_path / "run", every=2)
        with pytest.raises(RuntimeError, match=BROKEN):
            self.failing([callback], Course(tmp_path / "one", spoil=raising))
        run = Run(tmp_path / "run")
        assert run.status == "failed"
        assert BROKEN in (run.reason or "")
        assert of_pytorch() == before

    def test_a_resumed_training_goes_on_with_its_run(self, tmp_path: Path) -> None:
        if not self.resumes:
            pytest.skip("the trainer has no place for what a callback saves")
        whole = self.outcome([self.callback(tmp_path / "whole", every=2)], Course(tmp_path / "a"))
        half = self.iterations // 2
        first = self.callback(tmp_path / "parts", every=2)
        self.outcome([first], Course(tmp_path / "b", stop=half))
        assert Run(tmp_path / "parts").iterations == half
        second = self.callback(tmp_path / "parts", every=2)
        parts = self.outcome([second], Course(tmp_path / "b", resume=True))
        assert [path.name for path in tmp_path.glob("parts*")] == ["parts"]
        same_record(Run(tmp_path / "whole"), Run(tmp_path / "parts"), EVERY_TIME)
        for one, other in zip(whole[:-2], parts[:-2], strict=True):
            assert torch.equal(one, other)

    def test_the_second_training_has_a_run_of_its_own(self, tmp_path: Path) -> None:
        callback = self.callback(tmp_path / "run", every=2)
        for name in ("run", "run-2"):
            self.outcome([callback], Course(tmp_path / f"of {name}"))
            assert Run(tmp_path / name).iterations == self.iterations
        same_record(Run(tmp_path / "run"), Run(tmp_path / "run-2"))

    def test_the_trainers_log_has_the_numbers_at_their_iterations(self, tmp_path: Path) -> None:
        self.outcome([self.callback(tmp_path / "run", every=2)], Course(tmp_path / "one"))
        found = self.logged(tmp_path / "one")
        if found is None:
            pytest.skip("the trainer has no log of its own")
        run = Run(tmp_path / "run")
        assert {"backsight/grad_norm", f"backsight/horizon/{self.module}"} <= set(found)
        for name, points in found.items():
            series = run.series(name.removeprefix("backsight/"))
            kept = dict(zip(series.iterations.tolist(), series.values.tolist(), strict=True))
            for iteration, value in points:
                assert value == pytest.approx(kept[iteration], rel=1e-6, nan_ok=True)

    def test_a_guard_acts_or_says_why_not(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        callback = self.callback(tmp_path / "run", guard="skip")
        if not self.guards:
            with caplog.at_level(logging.WARNING):
                self.outcome([callback], Course(tmp_path / "one"))
            assert "guard" in caplog.text
            return
        weights = self.outcome([callback], Course(tmp_path / "one", spoil=not_finite))
        assert all(value.isfinite().all() for value in weights[:-2] if value.is_floating_point())
        assert "act_before/skip" in Run(tmp_path / "run").names

    def test_its_run_is_the_one_record_under_backsight_run(self, tmp_path: Path) -> None:
        process = ProcessMonitor(NullRecorder())
        try:
            self.outcome([self.callback(tmp_path / "run")], Course(tmp_path / "one"))
        finally:
            process.close()
        assert process.left_alone == [tmp_path / "run"]
        assert Run(tmp_path / "run").iterations == self.iterations
        assert not process.seen.steps

    def test_off_is_off(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BACKSIGHT", "off")
        callback = self.callback(tmp_path / "run", guard="skip")
        self.outcome([callback], Course(tmp_path / "one"))
        assert callback.run is None
        assert not (tmp_path / "run").exists()

    def test_it_can_be_sent_to_other_processes(self, tmp_path: Path) -> None:
        callback = self.callback(tmp_path / "run", guard="skip", every=2)
        for sent in (pickle.loads(pickle.dumps(callback)), copy.deepcopy(callback)):
            assert isinstance(sent, self.callback)
        self.outcome([sent], Course(tmp_path / "one"))
        assert Run(tmp_path / "run").iterations == self.iterations
        assert "act_before/skip" not in Run(tmp_path / "run").names

    def test_what_is_asked_for_wrongly_is_told_at_once(self) -> None:
        with pytest.raises(SettingError, match="'evry' is no option of this callback"):
            self.callback(evry=1)
        with pytest.raises(SettingError, match="clippp"):
            self.callback(guard="clippp")

    def test_the_example_of_its_docstring_gives_what_it_shows(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        report = io.StringIO()
        finder = doctest.DocTestFinder(recurse=False)
        runner = doctest.DocTestRunner(optionflags=doctest.REPORT_UDIFF | doctest.FAIL_FAST)
        for test in finder.find(self.callback, "callback", globs={}):
            runner.run(test, out=report.write)
        done = runner.summarize(verbose=False)
        assert done.attempted > 0
        assert done.failed == 0, report.getvalue()
