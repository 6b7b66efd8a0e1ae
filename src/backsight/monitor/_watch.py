"""``watch``: a monitor around the user's own loop, which stays as it is."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from torch import nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from backsight._switch import is_off
from backsight.diagnosis import facts_from
from backsight.distributed import is_first_process
from backsight.errors import SettingError
from backsight.guard import Guard
from backsight.layers import adapter_of
from backsight.monitor._left_alone import observers
from backsight.monitor._monitor import Monitor
from backsight.monitor._settings import check_settings
from backsight.monitor.events import Every
from backsight.monitor.measurements import MEASUREMENTS, Measurement, check_measurements
from backsight.monitor.sinks import Forwarding, NullRecorder, Sink, sinks_of
from backsight.probes import (
    listed_optimizers,
    named_modules,
    parameters_of,
    unwrapped,
    unwrapped_optimizer,
)
from backsight.signals import Recorder, Run, free_name, shown

__all__ = [
    "NEVER",
    "Watching",
    "describe_models",
    "watch",
]

_log = logging.getLogger("backsight")

NEVER = 2**31
"""Iterations between samples where nothing is recorded."""


class Watching(Monitor):
    """A monitor that sees everything itself, and owns its run: what :func:`watch` gives.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> monitor = backsight.watch(rnn, optimizer, "runs/mine")
        >>> rnn(torch.randn(20, 2, 3))[0][-1].square().mean().backward()
        >>> optimizer.step()
        >>> monitor.state_dict()["iteration"]
        1
        >>> monitor.close()
        >>> monitor.run.status
        'finished'
    """

    def __init__(
        self,
        recorder: Recorder | None,
        *args: Any,
        forwarding: Forwarding | None = None,
        **settings: Any,
    ) -> None:
        self.recorder = recorder
        self._forwarding = forwarding
        self._told = False
        super().__init__(*args, **settings)

    @property
    def run(self) -> Run | None:
        """The run so far; None in a process that does not record."""
        return Run(self.recorder.path) if self.recorder else None

    def state_dict(self) -> dict[str, Any]:
        """Where its run stands, for a checkpoint: what ``watch(…, state=…)`` goes on from.

        To be taken between two iterations: one whose optimizer has stepped ends by it, and so does,
        without an optimizer, one whose gradients are there. Everything before is on the disk then.
        Empty in a process that does not record.
        """
        if self.recorder is None:
            return {}
        if self._observed.detector.complete:
            self.iteration_ended()
        self.collect()
        self.recorder.flush()
        return {
            "run": str(self.recorder.path),
            "iteration": self.iteration,
            "events": self.recorder.events,
        }

    def close(self, error: BaseException | None = None) -> None:
        """Take every hook off, record what is left and close the run.

        Args:
            error: what ended the training, where something did.
        """
        super().close()
        if self.recorder is None:
            return
        found = [f for f in self.found if f.severity != "info"]
        if found and not self._told:
            self._told = True
            counted = ", ".join(f"{f.code} {f.title} ×{f.count}" for f in found)
            place = shown(self.recorder.path)
            _log.warning("backsight: findings: %s (backsight diagnose %s)", counted, place)
        self.recorder.close_after(error)
        if self._forwarding is not None:
            self._forwarding.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        error = exception[1] if len(exception) > 1 else None
        self.close(error if isinstance(error, BaseException) else None)


def watch(
    model: nn.Module,
    optimizer: Optimizer | Iterable[Optimizer] | None,
    run: Path | str | None = None,
    *,
    every: Every = "auto",
    budget: float = 0.01,
    sequences: int | None = None,
    inputs: str | Sequence[str] | None = None,
    layout: Literal["auto", "batch", "time"] = "auto",
    deep: int | None = None,
    config: Mapping[str, Any] | None = None,
    lag: int | None = None,
    baseline: float | None = None,
    objective: bool = True,
    guard: Guard | None = None,
    measurements: Iterable[Measurement] = (),
    to: str | Sink | Iterable[str | Sink] = (),
    state: Mapping[str, Any] | None = None,
) -> Watching:
    """Observe a training loop of your own, in which nothing changes.

    Losses, gradient norms and hidden-state norms are recorded in every iteration; how far back
    the gradient reaches in sampled ones. Parameters, optimizer state, random numbers and outputs
    stay bit-identical. To be used around the loop (``with backsight.watch(…):``), or closed at
    its end. Under ``torchrun`` the first process records; with ``BACKSIGHT=off`` in the environment
    none does, and nothing is observed.

    Args:
        model: its recurrent layers (``nn.RNN``, ``nn.GRU``, ``nn.LSTM``), cells and modules that
            are called once a step are measured.
        optimizer: an iteration is one step of it; a list of optimizers that step together; None
            where your own code moves the parameters: an iteration is then a backward pass whose
            gradients are next thrown away.
        run: the folder to create; ``runs/<model>-<number>`` by default.
        every: iterations between samples, or ``"auto"``: as often as ``budget`` allows.
        budget: share of the training time that sampling may add, such as 0.01; less where
            observing every iteration takes more than that, down to a quarter.
        sequences: how many sequences of each batch a sample follows through fused layers; 8 by
            default, or a quarter of the batch if that is less.
        inputs: the path of the module whose output is the embedded input, or several. By default
            they are found, where the model has no recurrent layer: the reach is taken there, and
            on what each block of a stack is called with.
        layout: ``"batch"`` where embedded inputs are ``(B, T, ·)``, ``"time"`` where they are
            ``(T, B, ·)``; by default the gradient tells.
        deep: iterations from one measurement of Lyapunov exponents and memory capacity to the
            next, such as 1000; by default there is none. It takes up to a minute per layer, and
            falls on samples.
        config: settings of yours, kept in ``run.json``.
        lag: how many steps back lies what the loss asks for, where you know it: a gradient that
            does not reach it is a finding, one that fades where nothing is needed is none.
        baseline: the loss of the best guess without any memory, where you know it.
        objective: False where the loss is not what the training brings down, as that of a policy
            gradient: what rules find in it is a note then. Of models that are trained against each
            other, and of a loss that is noise around zero, that is found by itself.
        guard: one that acts on this training: what it does is recorded, and it hears the loss,
            so that ``optimizer.step()`` does as well as ``guard.step(loss)``. It stays when the
            watching ends.
        measurements: of your own, beside Backsight's: objects of subclasses of
            :class:`backsight.Measurement`.
        to: sinks, where everything recorded goes beside the run folder: names such as
            ``"tensorboard"`` or objects such as ``TensorBoard("logs")`` from
            ``backsight.integrations``. A sink that fails never stops the training.
        state: what :meth:`Watching.state_dict` gave when the checkpoint was written that the
            training goes on from: its run goes on as well, and what it recorded later is
            forgotten. ``run`` is then needed only where the folder has moved.

    Returns:
        the monitor: ``monitor.log(loss=…)`` for what cannot be seen, ``monitor.paused()`` around a
        validation without ``no_grad``, ``monitor.close()`` where there is no ``with``.

    Raises:
        SettingError: an argument is not what is expected.
        RunError: the folder exists already or cannot be made; with ``state``, it is missing,
            damaged or being written.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> import backsight
        >>> rnn = nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     for _ in range(3):  # your loop
        ...         optimizer.zero_grad()
        ...         rnn(torch.randn(20, 2, 3))[0][-1].square().mean().backward()
        ...         optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run.iterations, run.profile("reach").widths.tolist(), "grad_norm" in run.names
        (3, [20, 20, 20], True)
    """
    if is_off():
        return _seeing_nothing()
    if not isinstance(model, nn.Module):
        raise SettingError(f"watch expects an nn.Module as first argument, not {model!r:.80}")
    optimizers: list[Any] = list(map(unwrapped_optimizer, listed_optimizers(optimizer)))
    if not optimizers and optimizer is not None:
        raise SettingError(
            f"watch expects an optimizer or a list of optimizers, not {optimizer!r:.80}"
        )
    for one in optimizers:
        if not isinstance(one, Optimizer):
            raise SettingError(
                f"watch expects a torch.optim optimizer, not {one!r:.80}; pass None if your own "
                "code updates the parameters"
            )
    plain = unwrapped(model)
    paths = check_settings(
        plain, every, budget, sequences, inputs, layout, deep
    )  # before there is a folder
    ours = [kind() for kind in MEASUREMENTS]
    own = check_measurements(ours, measurements)[len(ours) :]
    if guard is not None and not isinstance(guard, Guard):
        raise SettingError(f"guard must be a backsight.Guard, not {guard!r:.80}")
    sinks = sinks_of(to) if is_first_process() else ()
    if not is_first_process():
        # Only for a guard's sake, which must hear here what it hears in the first process.
        mine = [] if guard is None else optimizers
        _leave_alone(plain, optimizers, None)
        return Watching(
            None, None, mine, NullRecorder(), every=NEVER, automatic=bool(mine), guard=guard,
            tell=lambda finding: None,
        )  # fmt: skip
    state = checked_state(state)
    if run is None:
        name = type(plain).__name__.strip("_").lower() or "model"
        run = state["run"] if state else free_name(Path("runs"), name)
    path = Path(run)
    known = {"lag": lag, "baseline": baseline, "objective": None if objective else False}
    settings: dict[str, Any] = {
        "every": every,
        "budget": budget,
        "sequences": sequences,
        "inputs": paths,
        "layout": layout,
        **({} if deep is None else {"deep": deep}),
        **_group(),
        "facts": {name: value for name, value in known.items() if value is not None},
        **(config or {}),
    }
    forwarding = Forwarding(sinks, path) if sinks else None  # before the recorder: it ends after it
    try:
        recorder = _recorder(path, settings, state)
    except BaseException:
        if forwarding is not None:
            forwarding.close()
        raise
    try:
        if forwarding is not None:
            recorder.committed = forwarding.take
        _leave_alone(plain, optimizers, recorder.path)
        if not state:
            recorder.event("models", 0, describe_models({"": plain}))
        watching = Watching(
            recorder,
            plain,
            optimizers,
            recorder,
            every=every,
            budget=budget,
            sequences=sequences,
            inputs=paths,
            layout=layout,
            deep=deep,
            iteration=state["iteration"] if state else 0,
            automatic=True,
            facts=facts_from(settings["facts"]),
            guard=guard,
            measurements=own,
            forwarding=forwarding,
        )
        if state:
            watching.recall(Run(path))
        return watching
    except BaseException as error:
        recorder.close_after(error)
        if forwarding is not None:
            forwarding.close()
        raise


def _group() -> dict[str, str]:
    """What this run has in common with the others of a call of ``backsight run``."""
    groups = [observer.group for observer in list(observers) if observer.group]
    return {"group": groups[0]} if groups else {}


def _leave_alone(model: nn.Module, optimizers: Sequence[Optimizer], path: Path | None) -> None:
    """Under ``backsight run``, this is the training's one record."""
    for observer in list(observers):
        observer.leave(model, optimizers, path)


def checked_state(state: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What :meth:`Watching.state_dict` gave; empty where there is nothing to go on from.

    Raises:
        SettingError: it is something else.
    """
    if not state:
        return {}
    kinds = {"run": str, "iteration": int, "events": int}
    if not isinstance(state, Mapping) or any(
        not isinstance(state.get(key), kind) for key, kind in kinds.items()
    ):
        raise SettingError(
            f"state is what monitor.state_dict() gave, with run, iteration and events, "
            f"not {state!r:.80}"
        )
    return state


def _recorder(path: Path, settings: Mapping[str, Any], state: Mapping[str, Any]) -> Recorder:
    """Of a new run, or of one that goes on."""
    if not state:
        return Recorder(path, kind="watch", config=settings)
    before, events = state["iteration"], state["events"]
    return Recorder.resume(path, before=before, events=events, config=settings)


def _seeing_nothing() -> Watching:
    return Watching(None, None, [], NullRecorder(), every=NEVER, tell=lambda finding: None)


def describe_models(models: Mapping[str, nn.Module]) -> dict[str, Any]:
    """What is watched, for the run: classes, parameters, and each module by its path."""
    return {
        name or "model": {
            "class": type(model).__name__,
            "parameters": sum(p.numel() for p in parameters_of(model) if not is_lazy(p)),
            "recurrent": {
                path or type(module).__name__: _described(module)
                for path, module in named_modules(model)
                if adapter_of(module) is not None
            },
        }
        for name, model in models.items()
    }


def _described(module: nn.Module) -> str:
    """A ``repr`` of the user's own may fail, and one of PyTorch's never ends in a cycle."""
    try:
        return repr(module)
    except Exception:  # noqa: BLE001 - must not reach the script
        return f"{type(module).__name__}(…)"
