"""Observing a process: whatever trains in it, models and optimizers found by themselves.

A module that is called from outside any other known one is a *root*: the script's model, or a part
of one that is never called itself. An optimizer is seen as it is made. Those that share parameters
belong together and get one monitor; several monitors of a process share its run and put the class
of their model into the names of their signals.
"""

import logging
import weakref
from collections import Counter
from functools import wraps
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim import Optimizer

from backsight.errors import SettingError
from backsight.guard import Guard, check_together, policies_from
from backsight.monitor._monitor import Monitor
from backsight.monitor._settings import check_settings
from backsight.monitor._watch import describe_models, unwrapped
from backsight.monitor.events import Every, Owners
from backsight.monitor.sinks import Sink

__all__ = ["ProcessMonitor"]

_log = logging.getLogger("backsight")


class ProcessMonitor:
    """Observes every model and optimizer of this process while it is open.

    Args:
        recorder: where signals go.
        every: iterations between samples, or ``"auto"``.
        budget: share of the training time that sampling may add.
        sequences: how many sequences of a batch a sample follows; 8 by default, or a quarter of
            the batch if that is less.
        inputs: the path, in the script's model, of the module that embeds its input.
        guard: policies by their names, for every optimizer whose model is known; None acts on
            nothing.

    Raises:
        SettingError: a setting makes no sense.

    Example:
        >>> import torch
        >>> from backsight.monitor import ProcessMonitor
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     monitor = ProcessMonitor(recorder, every=1)
        ...     rnn = torch.nn.RNN(3, 4)  # a script that knows nothing of it
        ...     optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        ...     rnn(torch.randn(20, 2, 3))[0].square().mean().backward()
        ...     optimizer.step()
        ...     monitor.close()
        >>> Run("runs/mine").iterations
        1
    """

    def __init__(
        self,
        recorder: Sink,
        *,
        every: Every = "auto",
        budget: float = 0.01,
        sequences: int | None = None,
        inputs: str | None = None,
        guard: str | None = None,
    ) -> None:
        check_settings(None, every, budget, sequences, None)
        if guard is not None:
            check_together(policies_from(guard))  # now, not at the first optimizer
        self.kinds: set[str] = set()
        """Classes of the innermost modules that have run in it."""
        self._recorder = recorder
        self._settings: dict[str, Any] = {
            "every": every, "budget": budget, "sequences": sequences,
        }  # fmt: skip
        self._inputs = inputs
        self._policies = guard
        self.tally: Counter[str] = Counter()
        """Acts of guards so far, by policy."""
        self._monitors: list[Monitor] = []
        self._roots: dict[Monitor, int] = {}
        self._models: dict[Monitor, list[weakref.ref[nn.Module]]] = {}
        self._known: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self._waiting: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self._failed = False
        self._owners = Owners()
        self._init = Optimizer.__init__
        self._handle = register_module_forward_pre_hook(self._called)
        self._wrap_optimizers()

    @property
    def found_time(self) -> bool:
        """Whether anything with a time axis has run."""
        return any(monitor.found_time for monitor in self._monitors)

    def close(self) -> None:
        """Leave PyTorch as it was."""
        self._handle.remove()
        self._owners.close()
        if Optimizer.__init__ is self._told_init:
            Optimizer.__init__ = self._init  # type: ignore[method-assign]
        for monitor in self._monitors:
            guard = monitor.guard
            monitor.close()
            if guard is not None:
                guard.close()

    def _wrap_optimizers(self) -> None:
        init = self._init

        @wraps(init)
        def told_init(optimizer: Optimizer, *args: Any, **named: Any) -> None:
            init(optimizer, *args, **named)
            self._safely(self._made, optimizer)

        self._told_init = told_init
        Optimizer.__init__ = told_init  # type: ignore[method-assign,assignment]

    def _safely(self, action: Any, thing: Any) -> None:
        """An error here must not reach the script."""
        if self._failed:
            return
        try:
            action(thing)
        except Exception as error:  # noqa: BLE001 - see above
            self._failed = True
            _log.warning("backsight: the search for models failed and is switched off: %r", error)

    def _called(self, module: nn.Module, _inputs: Any) -> None:
        if module not in self._known:
            self._safely(self._found, module)

    def _found(self, module: nn.Module) -> None:
        """A root runs for the first time."""
        model = self._owners.whole(unwrapped(module), self._movers)
        self._known.update((*module.modules(), *model.modules()))
        self.kinds.update(type(m).__name__ for m in model.modules() if not list(m.children()))
        self._assign(model)

    def _made(self, optimizer: Optimizer) -> None:
        """An optimizer has its parameters."""
        monitor = Monitor(None, [optimizer], self._recorder, automatic=True, **self._settings)
        self._monitors.append(monitor)
        for model in list(self._waiting):
            if monitor.moves(model):
                self._assign(model)
        if monitor not in self._roots:  # a second optimizer for a model that has one
            known = [model for models in self._models.values() for model in _alive(models)]
            self._models[monitor] = [weakref.ref(model) for model in known if monitor.moves(model)]
            self._protect(monitor)

    def _assign(self, model: nn.Module) -> None:
        """Give a root to the monitor whose optimizers move it; several of them become one."""
        owners = self._movers(model)
        if not owners:
            if next(model.parameters(), None) is not None:
                self._waiting.add(model)
            return
        self._waiting.discard(model)
        owner, *others = owners
        for other in others:
            if other.guard is not None:
                other.guard.close()
            owner.join(other)
            self._monitors.remove(other)
            self._models.pop(other, None)
        kind = type(model).__name__
        if owner not in self._roots and self._roots:
            owner.label = self._free({monitor.label for monitor in self._roots}, kind)
        known = self._roots.get(owner, 0)
        self._roots[owner] = known + 1
        name = f"{kind}{known + 1}" if known else ""
        owner.adopt(name, model)
        if self._inputs is not None and self._inputs in dict(model.named_modules()):
            owner.adopt_input(self._inputs, model)
        self._recorder.event("models", 0, describe_models({owner.label or name: model}))
        self._models.setdefault(owner, []).append(weakref.ref(model))
        self._protect(owner)

    def _movers(self, model: nn.Module) -> list[Monitor]:
        return [monitor for monitor in self._monitors if monitor.moves(model)]

    def _protect(self, monitor: Monitor) -> None:
        """Guard what ``monitor`` observes; the optimizers' hooks alone keep the guard alive.

        A model that shows itself later is guarded with the others, by a guard that begins anew.
        """
        models = _alive(self._models[monitor])
        if self._policies is None or not models:
            return
        if monitor.guard is not None:
            monitor.guard.close()
        whole = models[0] if len(models) == 1 else nn.ModuleList(models)
        try:
            guard = Guard(whole, monitor.optimizers, *policies_from(self._policies))
        except SettingError as error:
            kinds = ", ".join(type(model).__name__ for model in models)
            _log.warning("backsight: %s is not guarded: %s", kinds, error)
            return
        guard.tally = self.tally
        monitor.protect(guard)

    @staticmethod
    def _free(taken: set[str], kind: str) -> str:
        number = 1
        while (label := kind if number == 1 else f"{kind}-{number}") in taken:
            number += 1
        return label


def _alive(models: list[weakref.ref[nn.Module]]) -> list[nn.Module]:
    return [model for model in (reference() for reference in models) if model is not None]
