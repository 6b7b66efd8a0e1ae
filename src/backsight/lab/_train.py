"""The training loop of the built-in lab, on Lightning Fabric."""

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from backsight.curriculum import Length
from backsight.diagnosis import facts_from
from backsight.distributed import is_first_process
from backsight.errors import BacksightError, GuardError, SettingError
from backsight.guard import Guard
from backsight.lab._carried_state import CarriedState
from backsight.lab._config import Training
from backsight.lab._fork import begin_from
from backsight.lab._lr_schedule import schedule_lr
from backsight.lab._run_logger import RunLogger, Screen, View
from backsight.lab._safety import make_curriculum, make_guard
from backsight.lab._saved import CHECKPOINTS, saved_settings
from backsight.lab._setup import (
    check_settings,
    make_fabric,
    make_optimizer,
    make_training_task,
    settings_in_force,
)
from backsight.lab._training_task import TrainingTask, loss_of
from backsight.monitor import STANDARD, Monitor, Sink
from backsight.monitor.sinks import Forwarding, sinks_of
from backsight.nn import count_parameters, detach
from backsight.report import write_report
from backsight.signals import EndReason, Recorder, Run, free_name
from backsight.state import Checkpoint, Checkpoints, CheckpointState, Generators

__all__ = ["resume", "train"]

_log = logging.getLogger("backsight")


def train(
    config: Training,
    *,
    view: View | None = None,
    stop: Callable[[], bool] = lambda: False,
    to: str | Sink | Iterable[str | Sink] = (),
) -> Run:
    """Train as ``config`` says, on text or on a memory task, and return the run.

    Under ``torchrun`` every process calls this, and ``config.batch`` is shared among them; the
    first one records. Seeds torch's global generator.

    Args:
        config: the settings.
        view: told of progress.
        stop: asked after every iteration; True ends the run cleanly with what there is.
        to: sinks, as of :func:`backsight.watch`.

    Raises:
        BacksightError: the settings, the text or the run folder cannot be used.

    Example:
        >>> from pathlib import Path
        >>> from backsight import train
        >>> from backsight.lab import MemoryEcho
        >>> small = {"length": 10, "hidden": 4, "iterations": 3, "validate_sequences": 8}
        >>> run = train(MemoryEcho(**small, device="cpu", report=False, run=Path("runs/echo")))
        >>> run.status, run.iterations, "val_loss" in run.names
        ('finished', 3, True)
    """
    return _conduct(config, None, view, stop, to)


def resume(
    run: Run | Path | str,
    iterations: int | None = None,
    *,
    view: View | None = None,
    stop: Callable[[], bool] = lambda: False,
    to: str | Sink | Iterable[str | Sink] = (),
) -> Run:
    """Go on with a run of :func:`train` from its newest checkpoint, as if it had never ended.

    It may have been stopped, killed, or finished and be wanted longer. Weights, optimizer, random
    numbers, data and carried state go on bit for bit, on the same number of processes and the same
    kind of device. What was recorded after the checkpoint is forgotten and recorded again.

    Args:
        run: the run, or its folder.
        iterations: how many it shall have in all; as many as it was to have by default.
        view: told of progress.
        stop: asked after every iteration; True ends the run cleanly with what there is.
        to: sinks, as of :func:`backsight.watch`.

    Raises:
        BacksightError: the run is being written, was not made by :func:`train`, has no usable
            checkpoint or nothing left to train; or its text has changed.

    Example:
        >>> from pathlib import Path
        >>> from backsight import resume, train
        >>> from backsight.lab import MemoryEcho
        >>> small = {"length": 10, "hidden": 4, "iterations": 2, "validate_sequences": 8}
        >>> run = train(MemoryEcho(**small, device="cpu", report=False, run=Path("runs/echo")))
        >>> resume(run, iterations=3).iterations
        3
    """
    run = run if isinstance(run, Run) else Run(run)
    config = saved_settings(run, iterations)
    checkpoint = Checkpoints(run.path / CHECKPOINTS).load()
    if checkpoint.iteration >= config.iterations:
        raise SettingError(
            f"{run.path} has trained all of its {checkpoint.iteration:,} iterations: to train it "
            "longer, give more --iterations"
        )
    return _conduct(config, checkpoint, view, stop, to)


def _conduct(
    config: Training,
    checkpoint: Checkpoint | None,
    view: View | None,
    stop: Callable[[], bool],
    to: str | Sink | Iterable[str | Sink],
) -> Run:
    """Train from the beginning, or from a checkpoint."""
    sinks = sinks_of(to) if is_first_process() else ()
    loop = make_loop(config)
    fabric, task, model, guard = loop.fabric, loop.task, loop.model, loop.guard
    optimizer = loop.optimizer.optimizer
    path = fabric.broadcast(
        config.run or free_name(Path("runs"), f"{config.task_name}-{config.cell}")
    )
    if checkpoint:
        loop.parts.load(checkpoint)
        check_settings(checkpoint, config)
        fabric.barrier()  # all have read the run before the first one changes it
        loop.began = checkpoint.iteration
    elif config.fork is not None:
        loop.began = begin_from(config, loop.parts, optimizer, task)
    if fabric.is_global_zero:
        facts = {
            **task.facts(),
            "parameters": count_parameters(model),
            "device": str(fabric.device),
            "processes": fabric.world_size,
        }
        with Forwarding(sinks, path) as out, _recorder(config, path, checkpoint) as r:
            r.committed = out.take
            if not checkpoint:
                r.event("setup", loop.began, facts | _origin(config))
            screen = Screen(view)
            with Monitor(
                model,
                optimizer,
                r,
                every=config.every,
                iteration=loop.began,
                facts=facts_from(facts),
                guard=guard,
                deep=config.deep,
                kinds=STANDARD,  # how it is put together is known
                tell=screen.found,
            ) as monitor:
                if checkpoint:
                    monitor.recall(Run(path))
                if guard is not None:
                    guard.announce = screen.acted
                run_logger = RunLogger(config, fabric, model, task, monitor, r, screen)
                resumed = {"resumed": loop.began} if loop.began else {}
                screen.show("begin", path, config, facts | resumed)
                reason = loop.run(run_logger, stop)
            status = "failed" if loop.gave_up else "finished"
            r.close(status, reason, loop.end_reason)
        if config.report:
            _write_page(path)
    else:
        loop.run(None, lambda: False)
    fabric.barrier()
    if fabric.world_size > 1:
        # Gloo's threads need the GIL to let go of the last tensors, and a group that ends waits
        # for them with the GIL held: seen to hang for good. Asleep, we leave it to them.
        time.sleep(0.1)
        torch.distributed.destroy_process_group()  # else its threads may abort the process's end
    return Run(path)


def make_loop(config: Training) -> "_Loop":
    """A training that is ready to begin, which nobody watches yet.

    Seeds torch's global generator.

    Example:
        >>> from pathlib import Path
        >>> from backsight.lab import MemoryEcho, make_loop
        >>> small = {"length": 10, "hidden": 4, "iterations": 2, "validate_sequences": 8}
        >>> loop = make_loop(MemoryEcho(**small, device="cpu", run=Path("runs/echo")))
        >>> type(loop.model).__name__, Path("runs/echo").exists()
        ('SequenceModel', False)
    """
    fabric = make_fabric(config)
    task = make_training_task(config)
    torch.manual_seed(config.seed)
    model = task.model()
    # After the weights are drawn: dropout must differ from process to process.
    torch.manual_seed(config.seed + fabric.global_rank)
    wrapped, optimizer = fabric.setup(model, make_optimizer(config, model))
    hidden = CarriedState(fabric.device)
    curriculum = make_curriculum(config, task)
    extra_state: dict[str, Any] = {"hidden": hidden}
    if curriculum is not None:
        extra_state["curriculum"] = curriculum
    guard = make_guard(config, model, optimizer.optimizer, task, extra_state)
    shared = {
        "model": model,
        "optimizer": optimizer.optimizer,
        "precision": fabric.strategy.precision,
        "lesson": task,  # by this name in every checkpoint there is
        "curriculum": curriculum,
    }
    # A guard's snapshots hold what is a process's own: random numbers, carried state.
    own: dict[str, Any] = {"random": Generators(fabric.device), "hidden": hidden, "guard": guard}
    parts = CheckpointState(
        shared={name: part for name, part in shared.items() if part is not None},
        own={name: part for name, part in own.items() if part is not None},
    )
    loop = _Loop(config, fabric, wrapped, optimizer, task, hidden, parts)
    loop.guard, loop.curriculum = guard, curriculum
    return loop


def _origin(config: Training) -> dict[str, Any]:
    """What a fork's setup tells of where it comes from."""
    return {} if config.fork is None else {"fork": str(config.fork)}


def _recorder(config: Training, path: Path, checkpoint: Checkpoint | None) -> Recorder:
    """Of a new run, or of one that goes on."""
    if checkpoint is None:
        kind = f"train {config.task_name}"
        return Recorder(path, kind=kind, config=settings_in_force(config), seed=config.seed)
    recorded = checkpoint.state["recorded"]
    # Before the record is cut: none may be left that is ahead of it.
    Checkpoints(path / CHECKPOINTS).drop_after(checkpoint.iteration)
    return Recorder.resume(
        path,
        before=checkpoint.iteration,
        events=recorded["events"],
        sooner=recorded["extra"],
        config=settings_in_force(config),
    )


def _write_page(path: Path) -> None:
    """A page that cannot be written must not cost the run its end."""
    try:
        write_report(path)
    except BacksightError as error:
        _log.warning("backsight: cannot write the page about the run: %s", error)


class _Loop:
    """Forward, backward, clip, step; the same in every process."""

    def __init__(
        self,
        config: Training,
        fabric: Fabric,
        model: nn.Module,
        optimizer: Any,
        task: TrainingTask,
        hidden: CarriedState,
        parts: CheckpointState,
    ) -> None:
        self._config = config
        self.fabric = fabric
        self._model = model
        self.optimizer = optimizer
        self.task = task
        self._hidden = hidden
        self.parts = parts
        self.began = 0
        """Iterations made before."""
        self.guard: Guard | None = None
        self.curriculum: Length | None = None
        self.end_reason: EndReason = "completed"
        self.drawn: Callable[[Tensor, Tensor], None] | None = None
        """Told of each batch, inputs and targets, before it is trained on."""
        self.loss = torch.zeros(())
        """Of the last iteration, over all processes."""
        self._random = Generators(fabric.device)

    @property
    def model(self) -> nn.Module:
        """What is trained, without Fabric around it."""
        return self._model.module  # type: ignore[return-value]

    @property
    def gave_up(self) -> bool:
        """Whether the guard has reached its limit."""
        return self.end_reason == "guard_gave_up"

    def run(self, run_logger: "RunLogger | None", stop: Callable[[], bool]) -> str | None:
        """Train to the end; returns why it ended early, or None."""
        config = self._config
        if self.guard is not None:
            self.guard.loss_of = lambda: self.loss
        if not self.began:
            state = self._state(0, last=False)
            if run_logger:
                run_logger.keep(0, state)
        for iteration in range(self.began + 1, config.iterations + 1):
            steps = self.curriculum.length if self.curriculum else self.task.steps
            end = None
            try:
                self._step(iteration, steps, run_logger)
            except GuardError as error:
                self.end_reason, end = "guard_gave_up", str(error)
            if self.curriculum and not self.gave_up:
                self._lengthen(run_logger)
            stopped = self.gave_up or self._agree(stop())
            last = stopped or iteration == config.iterations
            if run_logger:
                run_logger.stepped(iteration)
            # Before a validation that only the end asks for: what goes on will not have had it.
            state = self._state(iteration, last=last)
            if run_logger:
                run_logger.iteration_ended(iteration, steps=steps, last=last, state=state)
            if end is not None:
                return end
            if stopped and iteration < config.iterations:
                self.end_reason = "interrupted"
                return f"stopped by the user after {iteration} of {config.iterations} iterations"
        return None

    def _lengthen(self, run_logger: "RunLogger | None") -> None:
        """Tell the curriculum of this iteration, and of the reach where it was measured."""
        assert self.curriculum is not None
        horizon = run_logger.monitor.horizon if run_logger else None
        if self.fabric.world_size > 1:  # the first process alone measures
            horizon = self.fabric.broadcast(horizon)
        if self.guard is not None and self.guard.went_back:
            self.curriculum.hold()
        else:
            self.curriculum.step(float(self.loss), horizon)

    def _state(self, iteration: int, *, last: bool) -> dict[str, Any] | None:
        """What a checkpoint holds, where one is due; the same in every process."""
        every = self._config.checkpoint_interval
        due = every and (last or iteration % every == 0)
        return self.parts.state_dict() if due else None

    def _draw(self, steps: int) -> tuple[Any, Any, bool]:
        """The next batch, without those that the guard has seen go wrong."""
        afresh = False  # what a batch that is passed over begins, the next one begins
        while self.guard is not None and self.guard.should_skip_batch():
            afresh = self.task.draw(steps)[2] or afresh
        inputs, targets, fresh = self.task.draw(steps)
        return inputs, targets, fresh or afresh

    def _step(self, iteration: int, steps: int, run_logger: "RunLogger | None") -> None:
        config, fabric, optimizer = self._config, self.fabric, self.optimizer
        inputs, targets, fresh = self._draw(steps)
        mine = slice(fabric.global_rank, None, fabric.world_size)
        inputs, targets = self._put(inputs[mine]), self._put(targets[mine])
        if self.drawn is not None:
            self.drawn(inputs, targets)
        every = config.sharpness_every
        random = self._random.state_dict() if every and iteration % every == 1 % every else None
        before = None if fresh else self._hidden.value
        loss, after = self._forward(inputs, targets, before)
        optimizer.zero_grad(set_to_none=True)
        fabric.backward(loss)
        # Loss scaling is divided out first: a norm, and a clip, means true gradients.
        fabric.strategy.precision.unscale_gradients(optimizer.optimizer)
        loss = loss.detach()
        if fabric.world_size > 1:
            loss = torch.as_tensor(fabric.all_reduce(loss, reduce_op="mean"))
        self.loss = loss
        self._hidden.value = detach(after)  # before the step, at which it may go back
        if run_logger:
            run_logger.monitor.backward_ended(loss)
            if random is not None:
                self._measure_sharpness(run_logger.monitor, random, (inputs, targets, before))
        if config.clip is not None and not (config.plain or self._guard_clips):
            nn.utils.clip_grad_norm_(self._model.parameters(), config.clip)
        schedule_lr(optimizer, config, iteration)
        optimizer.step()

    def _forward(self, inputs: Tensor, targets: Tensor, before: Any) -> tuple[Tensor, Any]:
        """The loss of a batch, and the state after it."""
        with self._arithmetic():
            outputs, after = self._model(inputs, before)
        return loss_of(self.task.kind, outputs, targets), after

    def _measure_sharpness(self, monitor: Monitor, random: Any, batch: tuple[Any, ...]) -> None:
        """At this step, whose gradient is there; with the random numbers it was computed with."""

        def compute_loss() -> Tensor:
            self._random.load_state_dict(random)
            return self._forward(*batch)[0]

        monitor.sharpness(compute_loss, gradient_known=True)

    @property
    def _guard_clips(self) -> bool:
        return self.guard is not None and self.guard.clips

    def _arithmetic(self) -> AbstractContextManager[None]:
        """Fabric casts what a module returns to the default dtype, which would round float64."""
        return self.fabric.autocast() if self._config.precision == "64-true" else nullcontext()

    def _put(self, numbers: Any) -> Tensor:
        return torch.tensor(numbers).to(self.fabric.device, non_blocking=True)

    def _agree(self, stop: bool) -> bool:
        """All processes stop together, when the first one is asked to."""
        if self.fabric.world_size == 1:
            return stop
        flag = torch.tensor(float(stop), device=self.fabric.device)
        return bool(torch.as_tensor(self.fabric.all_reduce(flag, reduce_op="sum")) > 0)
