"""The training loop of the built-in lab, on Lightning Fabric."""

import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from backsight.diagnosis import Finding, facts_from
from backsight.errors import BacksightError, SettingError
from backsight.lab._config import Chars, Memory, Training
from backsight.lab._lesson import Lesson, loss_of
from backsight.lab._memory import Memorising
from backsight.lab._text import Text
from backsight.monitor import Monitor, announce
from backsight.nn import State, count_parameters, detach
from backsight.report import write_report
from backsight.signals import Recorder, Run, free_name

__all__ = ["View", "train"]

_log = logging.getLogger("backsight")


class View(Protocol):
    """Somebody watching: the terminal, or a test. Only the first process has one."""

    def begin(self, run: Path, config: Training, facts: Mapping[str, Any]) -> None:
        """The run folder exists and training is about to start."""

    def update(self, iteration: int, latest: Mapping[str, float]) -> None:
        """``iteration`` iterations are done; ``latest`` has the newest known scalars."""

    def validated(self, iteration: int, scores: Mapping[str, float], sample: str) -> None:
        """Signals of a validation, ``val_loss`` first, and text the model wrote."""

    def found(self, finding: Finding) -> None:
        """Something goes wrong, for the first time."""


def train(
    config: Training, *, view: View | None = None, stop: Callable[[], bool] = lambda: False
) -> Run:
    """Train as ``config`` says, on text or on a memory task, and return the run.

    Under ``torchrun`` every process calls this, and ``config.batch`` is shared among them; the
    first one records. Seeds torch's global generator.

    Args:
        config: the settings.
        view: told of progress.
        stop: asked after every iteration; True ends the run cleanly with what there is.

    Raises:
        BacksightError: the settings, the text or the run folder cannot be used.
    """
    fabric = _fabric(config)
    lesson = _lesson(config)
    torch.manual_seed(config.seed)
    model = lesson.model()
    # After the weights are drawn: dropout must differ from process to process.
    torch.manual_seed(config.seed + fabric.global_rank)
    wrapped, optimizer = fabric.setup(model, _optimizer(config, model))
    loop = _Loop(config, fabric, wrapped, optimizer, lesson)
    path = fabric.broadcast(
        config.run or free_name(Path("runs"), f"{config.task_name}-{config.cell}")
    )
    if fabric.is_global_zero:
        facts = {
            **lesson.facts(),
            "parameters": count_parameters(model),
            "device": str(fabric.device),
            "processes": fabric.world_size,
        }
        kind = f"train {config.task_name}"
        with Recorder(path, kind=kind, config=_settings(config), seed=config.seed) as r:
            r.event("setup", 0, facts)
            screen = _Screen(view)
            with Monitor(
                model,
                optimizer.optimizer,
                r,
                every=config.every,
                facts=facts_from(facts),
                tell=screen.found,
            ) as monitor:
                scribe = _Scribe(config, fabric, model, lesson, monitor, r, screen)
                screen.show("begin", path, config, facts)
                reason = loop.run(scribe, stop)
            r.close(reason=reason)
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


def _write_page(path: Path) -> None:
    """A page that cannot be written must not cost the run its end."""
    try:
        write_report(path)
    except BacksightError as error:
        _log.warning("backsight: no page about the run: %s", error)


class _Loop:
    """Forward, backward, clip, step; the same in every process."""

    def __init__(
        self, config: Training, fabric: Fabric, model: nn.Module, optimizer: Any, lesson: Lesson
    ) -> None:
        self._config = config
        self._fabric = fabric
        self._model = model
        self._optimizer = optimizer
        self._lesson = lesson

    def run(self, scribe: "_Scribe | None", stop: Callable[[], bool]) -> str | None:
        """Train to the end; returns why it ended early, or None."""
        config, state = self._config, None
        for iteration in range(1, config.iterations + 1):
            state = self._step(state, scribe)
            stopped = self._agree(stop())
            last = stopped or iteration == config.iterations
            if scribe:
                scribe.iteration_ended(iteration, last=last)
            if stopped and iteration < config.iterations:
                return f"stopped by the user after {iteration} of {config.iterations} iterations"
        return None

    def _step(self, state: State | None, scribe: "_Scribe | None") -> State:
        config, fabric, optimizer = self._config, self._fabric, self._optimizer
        inputs, targets, fresh = self._lesson.draw()
        mine = slice(fabric.global_rank, None, fabric.world_size)
        with self._arithmetic():
            outputs, state = self._model(self._put(inputs[mine]), None if fresh else state)
        loss = loss_of(self._lesson.kind, outputs, self._put(targets[mine]))
        optimizer.zero_grad(set_to_none=True)
        fabric.backward(loss)
        # Loss scaling is divided out first: a norm, and a clip, means true gradients.
        fabric.strategy.precision.unscale_gradients(optimizer.optimizer)
        loss = loss.detach()
        if fabric.world_size > 1:
            loss = torch.as_tensor(fabric.all_reduce(loss, reduce_op="mean"))
        if scribe:
            scribe.monitor.backward_ended(loss)
        if config.clip is not None:
            nn.utils.clip_grad_norm_(self._model.parameters(), config.clip)
        optimizer.step()
        return detach(state)

    def _arithmetic(self) -> AbstractContextManager[None]:
        """Fabric casts what a module returns to the default dtype, which would round float64."""
        return self._fabric.autocast() if self._config.precision == "64-true" else nullcontext()

    def _put(self, numbers: Any) -> Tensor:
        return torch.tensor(numbers).to(self._fabric.device, non_blocking=True)

    def _agree(self, stop: bool) -> bool:
        """All processes stop together, when the first one is asked to."""
        if self._fabric.world_size == 1:
            return stop
        flag = torch.tensor(float(stop), device=self._fabric.device)
        return bool(torch.as_tensor(self._fabric.all_reduce(flag, reduce_op="sum")) > 0)


class _Scribe:
    """What only the first process does: monitor, validate, sample, show."""

    def __init__(
        self,
        config: Training,
        fabric: Fabric,
        model: nn.Module,
        lesson: Lesson,
        monitor: Monitor,
        recorder: Recorder,
        screen: "_Screen",
    ) -> None:
        self.monitor = monitor
        self._config = config
        self._fabric = fabric
        self._model = model
        self._lesson = lesson
        self._recorder = recorder
        self._screen = screen

    def iteration_ended(self, iteration: int, *, last: bool) -> None:
        """``iteration`` iterations are done."""
        config, steps = self._config, self._lesson.steps
        due = iteration % config.validation_interval == 0 or last
        if due:
            self._validate(iteration)
        self.monitor.iteration_ended(seq_len=steps, tokens=config.batch * steps)
        if last:
            self.monitor.collect()
        self._screen.show("update", iteration, self.monitor.latest)

    def _validate(self, iteration: int) -> None:
        with self.monitor.aside(), self._fabric.autocast():
            scores = self._lesson.scores(self._model)
            sample = self._lesson.sample(self._model)
            if self._lesson.longest > 1 and math.isfinite(scores["val_loss"]):
                context = self.monitor.context(
                    lambda length: self._lesson.context_losses(self._model, length),
                    self._lesson.longest,
                )
                if context.helps:
                    scores["usable_context"] = float(context.usable.steps)
        self.monitor.log(**scores)
        if sample:
            self._recorder.event("sample", iteration - 1, sample)
        self._screen.show("validated", iteration, scores, sample.get("text", ""))


class _Screen:
    """Shows news to a view, if there is one."""

    def __init__(self, view: View | None) -> None:
        self._view = view

    def found(self, finding: Finding) -> None:
        """On the terminal, or in the log where nobody watches."""
        if self._view is None:
            announce(finding)
        else:
            self.show("found", finding)

    def show(self, what: str, *news: Any) -> None:
        """A terminal that cannot show something must not end the training."""
        try:
            if self._view:
                getattr(self._view, what)(*news)
        except Exception as error:  # noqa: BLE001 - see above
            self._view = None
            _log.warning("backsight: the view failed and is switched off: %r", error)


def _lesson(config: Training) -> Lesson:
    match config:
        case Chars():
            return Text(config)
        case Memory():
            return Memorising(config)
    raise SettingError(f"train needs Chars or a Memory task to learn, not {type(config).__name__}")


def _fabric(config: Training) -> Fabric:
    """Fabric on one device, or on the processes that torchrun started."""
    name, _, index = config.device.partition(":")
    available = {
        "auto": True,
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    count = torch.cuda.device_count() if name == "cuda" else 1
    if not available.get(name) or (index and not (index.isdigit() and int(index) < count)):
        known = ", ".join(kind for kind, there in available.items() if there)
        raise SettingError(f"--device {config.device} is not on this machine: there is {known}")
    on_cpu = name == "cpu" or (name == "auto" and not torch.cuda.is_available())
    if config.precision == "16-mixed" and on_cpu:
        raise SettingError("--precision 16-mixed needs a GPU: on a CPU choose bf16-mixed")
    here, everywhere = (int(os.environ.get(v, "1")) for v in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    if config.batch % everywhere:
        raise SettingError(
            f"--batch {config.batch} cannot be shared equally among {everywhere} processes"
        )
    fabric = Fabric(
        accelerator="auto" if name == "auto" else name,
        devices=[int(index)] if index else here,
        num_nodes=everywhere // here,
        strategy="ddp" if everywhere > 1 else "auto",
        precision=config.precision,
    )
    fabric.launch()
    return fabric


def _optimizer(config: Training, model: nn.Module) -> torch.optim.Optimizer:
    rate, decay = config.rate, config.weight_decay
    match config.optimizer:
        case "sgd" | "momentum":
            return torch.optim.SGD(
                model.parameters(), lr=rate, momentum=config.inertia, weight_decay=decay
            )
        case "adam" | "adamw":
            kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
            betas = (config.inertia, 0.999)
            return kind(model.parameters(), lr=rate, betas=betas, weight_decay=decay)


def _settings(config: Training) -> dict[str, Any]:
    """The settings as given, with the defaults in force filled in."""
    return {
        **asdict(config),
        "lr": config.rate,
        "momentum": config.inertia,
        "validate_every": config.validation_interval,
    }
