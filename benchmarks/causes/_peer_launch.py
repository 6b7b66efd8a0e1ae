"""A training script, run unchanged while a tool watches it."""

import csv
import gc
import json
import logging
import math
import os
import runpy
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout, suppress
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from benchmarks.causes._peer_tools import WATCHERS, Iteration, Said, Watcher

__all__ = ["Observer", "Watched", "run_watched"]

LOSSES = (
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "l1_loss",
    "mse_loss",
    "nll_loss",
    "smooth_l1_loss",
)
"""Functions whose second argument is the target."""


@dataclass
class Watched:
    """What came of one run."""

    said: list[Said] = field(default_factory=list)
    failed: str | None = None
    """What the tool itself raised."""
    ended: str | None = None
    """What the script raised."""
    iterations: int = 0
    logged: list[str] = field(default_factory=list)
    """Errors that the tool caught itself and wrote to the log."""


class _Errors(logging.Handler):
    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        cause = record.exc_info[1] if record.exc_info else None
        self._kept.append(f"{record.getMessage()}: {cause!r}")


class Observer:
    """Tells a tool of each iteration, and keeps the rows of a log.

    An iteration ends with the first step after a backward pass. Its loss is the sum of what was
    passed to ``backward`` since the last step, as for accumulated gradients; where the optimizer
    evaluates a closure, the loss is the first one, which ``step`` returns. The tool is attached
    when the first step is done and learns of the iterations from the second on; its model is
    each outermost module with a gradient or with a parameter in that optimizer. Later steps
    of optimizers that move none of these parameters are not passed on.

    Example:
        >>> with Observer(None) as observer:  # doctest: +SKIP
        ...     runpy.run_path("train.py")
        >>> observer.rows[0]["loss"]  # doctest: +SKIP
        1.609
    """

    def __init__(self, watcher: Watcher | None) -> None:
        self.rows: list[dict[str, float]] = []
        self.failed: str | None = None
        self._watcher = watcher
        self._attached = False
        self._parameters: set[int] = set()
        self._losses: list[float] = []
        self._inputs: Tensor | None = None
        self._targets: Tensor | None = None
        self._stepping = False
        self._now: Iteration | None = None
        self._stack = ExitStack()

    def __enter__(self) -> "Observer":
        enter = self._stack.enter_context
        enter(patch.object(torch.autograd, "backward", self._backward(torch.autograd.backward)))
        for name in LOSSES:
            enter(patch.object(functional, name, self._targeted(getattr(functional, name))))
        for handle in (
            register_module_forward_pre_hook(self._forward),
            register_optimizer_step_pre_hook(self._before),
            register_optimizer_step_post_hook(self._after),
        ):
            self._stack.callback(handle.remove)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def said(self) -> list[Said]:
        """All that the tool found; nothing where it failed or was never attached."""
        return (self._tell(self._watcher.said) or []) if self._watcher and self._attached else []

    def _backward(self, original: Callable[..., None]) -> Callable[..., None]:
        def backward(tensors: Any, *arguments: Any, **options: Any) -> None:
            first = tensors if isinstance(tensors, Tensor) else next(iter(tensors))
            if first.numel() == 1 and not (self._stepping and self._losses):
                self._losses.append(float(first.detach()))
            original(tensors, *arguments, **options)

        return backward

    def _targeted(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def loss(*arguments: Any, **options: Any) -> Any:
            target = arguments[1] if len(arguments) > 1 else options.get("target")
            self._targets = target.detach() if isinstance(target, Tensor) else None
            return original(*arguments, **options)

        return loss

    def _forward(self, module: nn.Module, arguments: tuple[Any, ...]) -> None:
        if self._inputs is None:
            tensors = (one.detach() for one in arguments if isinstance(one, Tensor))
            self._inputs = next(tensors, None)

    def _before(self, optimizer: Optimizer, *_: Any) -> None:
        self._stepping = True
        self._ready(optimizer)

    def _ready(self, optimizer: Optimizer) -> None:
        if not self._losses:
            return
        parameters = _parameters(optimizer)
        norms = [float(one.grad.detach().norm()) for one in parameters if one.grad is not None]
        lr = float(optimizer.param_groups[0]["lr"])
        number, loss = len(self.rows), sum(self._losses)
        self._losses.clear()
        self._now = Iteration(number, loss, lr, self._inputs, self._targets)
        self._inputs = self._targets = None
        row = {"step": number, "loss": loss, "lr": lr, "grad_norm": math.hypot(*norms)}
        self.rows.append({**row, **_memory()})
        if self._watcher and self._watches(parameters):
            self._tell(self._watcher.before_step, self._now)

    def _after(self, optimizer: Optimizer, *_: Any) -> None:
        self._stepping = False
        self._ready(optimizer)  # of a closure
        now, self._now = self._now, None
        if now is None or self._watcher is None:
            return
        parameters = _parameters(optimizer)
        if not self._attached:
            self._attached = True
            model = _model(parameters)
            self._parameters = {id(one) for one in model.parameters()}
            self._tell(self._watcher.attach, model, optimizer)
        elif self._watches(parameters):
            self._tell(self._watcher.after_step, now)

    def _watches(self, parameters: Sequence[Tensor]) -> bool:
        return self._attached and not self._parameters.isdisjoint(map(id, parameters))

    def _tell(self, method: Callable[..., Any], *arguments: Any) -> Any:
        if self.failed:
            return None
        try:
            return method(*arguments)
        except Exception as error:  # noqa: BLE001 - a row of the table
            self.failed = f"{type(error).__name__}: {error}"
            traceback.print_exc()
        return None


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return [one for group in optimizer.param_groups for one in group["params"]]


def _model(parameters: Sequence[Tensor]) -> nn.Module:
    """The outermost modules that the training is about, as one."""
    moved = {id(one) for one in parameters}
    modules = [one for one in gc.get_objects() if issubclass(type(one), nn.Module)]
    trained = [
        module
        for module in modules
        if any(id(one) in moved or one.grad is not None for one in module.parameters())
    ]
    within = {id(part) for module in trained for part in module.modules() if part is not module}
    outermost = [module for module in trained if id(module) not in within]
    return outermost[0] if len(outermost) == 1 else nn.ModuleList(outermost)


def _memory() -> dict[str, float]:
    """Of the process, in MiB, where Linux says it."""
    pages = Path("/proc/self/statm")
    if not pages.exists():
        return {}
    return {"host_mem_mb": int(pages.read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20}


@cache
def _preload() -> None:
    """Import once, before the forks, what each of them would need seconds for."""
    torch.optim.SGD([nn.Parameter(torch.zeros(1))])  # the first optimizer imports a compiler
    for tool in WATCHERS:
        with suppress(ImportError):
            import_module(tool)


def run_watched(
    tool: str | None, script: Path, arguments: Sequence[str], folder: Path, limit: float
) -> Watched:
    """Run ``script`` in a fork of this process, which has imported torch; ``None`` only logs.

    ``folder/runs`` then holds ``metrics.csv`` and ``train.log``, which is all that was printed.
    """
    _preload()
    (folder / "runs").mkdir(parents=True)
    target = partial(_child, tool, script, list(arguments), folder)
    process = get_context("fork").Process(target=target)
    process.start()
    process.join(limit)
    if process.is_alive():
        process.kill()
        process.join()
        return Watched(failed=f"longer than {limit:g} s")
    result = folder / "result.json"
    if not result.exists():
        return Watched(failed=f"no result, exit status {process.exitcode}")
    kept = json.loads(result.read_text())
    return Watched(**{**kept, "said": [Said(**one) for one in kept["said"]]})


def _child(tool: str | None, script: Path, arguments: list[str], folder: Path) -> None:
    os.chdir(folder)
    sys.argv = [str(script), *arguments]
    watched = Watched()
    logging.getLogger().addHandler(_Errors(watched.logged))
    with (
        open("runs/train.log", "w", encoding="utf-8") as log,  # noqa: PTH123
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        with Observer(WATCHERS[tool]() if tool else None) as observer:
            try:
                runpy.run_path(str(script), run_name="__main__")
            except SystemExit:
                pass
            except Exception as error:  # noqa: BLE001 - a script of the collection may fail
                traceback.print_exc()
                watched.ended = f"{type(error).__name__}: {error}"
        watched.said = observer.said()
        watched.failed, watched.iterations = observer.failed, len(observer.rows)
    if observer.rows:
        with Path("runs/metrics.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(observer.rows[0]))
            writer.writeheader()
            writer.writerows(observer.rows)
    Path("result.json").write_text(json.dumps(asdict(watched)))
