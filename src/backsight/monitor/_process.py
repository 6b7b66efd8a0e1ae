"""Observing a process: whatever trains in it, models and optimizers found by themselves.

A module that is called from outside any other known one is a *root*: the script's model, or a part
of one that is never called itself. An optimizer is seen as it is made. Those that share parameters
belong together and get one monitor; an optimizer that is made later for the same parameters goes on
with it. Which monitors are one training, ``_trainings`` decides.
"""

import logging
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from backsight.distributed import is_first_process
from backsight.errors import SettingError
from backsight.guard import Guard, check_together, policies_from
from backsight.monitor._left_alone import LeftAlone, observers
from backsight.monitor._monitor import Monitor
from backsight.monitor._named_inputs import NamedInputs
from backsight.monitor._seen import Seen
from backsight.monitor._settings import check_settings
from backsight.monitor._target_copies import TargetCopies
from backsight.monitor._trainings import LOOSE, Group, Trainings, alive, described, seen_of
from backsight.monitor._watch import describe_models
from backsight.monitor.events import BareTensors, Every, FirstCalls, Owners
from backsight.monitor.sinks import NullRecorder, Recording
from backsight.probes import (
    ModuleCalls,
    children_of,
    named_modules,
    parameters_of,
    unwrapped,
)

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
        inputs: paths, in the script's models, of the modules that embed their inputs; where none
            are given, they are found.
        layout: of these, ``"auto"``, ``"batch"`` or ``"time"``.
        deep: iterations from one measurement of Lyapunov exponents and memory capacity to the
            next; None for none.
        guard: policies by their names, for every optimizer whose model is known; None acts on
            nothing.
        further: makes the recorder of the process's second training, its third and so on; None
            records all in the first one's run.
        child_ends: called at the end of a child process that was forked and has trained.
        group: what the runs of all processes of this call have in common, for those of the
            script's own observers; empty for nothing.
        left: called with the run folder of each training that the script observes by itself.

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
        recorder: Recording,
        *,
        every: Every = "auto",
        budget: float = 0.01,
        sequences: int | None = None,
        inputs: str | Sequence[str] | None = None,
        layout: Literal["auto", "batch", "time"] = "auto",
        deep: int | None = None,
        guard: str | None = None,
        further: Callable[[], Recording] | None = None,
        child_ends: Callable[[], None] = lambda: None,
        group: str = "",
        left: Callable[[Path], None] = lambda path: None,
    ) -> None:
        paths = check_settings(None, every, budget, sequences, inputs, layout, deep) or []
        self._inputs = NamedInputs(paths)
        if guard is not None:
            check_together(policies_from(guard))  # now, not at the first optimizer
        self._seen = Seen()
        """What was seen, but for the groups that are still observed."""
        self._settings: dict[str, Any] = {
            "every": every, "budget": budget, "sequences": sequences, "layout": layout,
            "deep": deep,
        }  # fmt: skip
        self._policies = guard
        self.tally: Counter[str] = Counter()
        """Acts of guards so far, by policy."""
        self.guarded = False
        """Whether any model has had a guard."""
        self._recorder, self._further, self._child_ends = recorder, further, child_ends
        self.group, self._tell_left = group, left
        self._left = LeftAlone()
        self._begun = 0
        self._trainings = Trainings(self._next_recorder, self._forked, self._leave)
        self._groups: list[Group] = []
        self._models: dict[Group, list[weakref.ref[nn.Module]]] = {}
        self._counted: dict[int, weakref.ref[nn.Module]] = {}
        """Models whose forwards are counted, by identity."""
        self._copies = TargetCopies(self._models)
        self._failed = False
        self._owners = Owners()
        self._init = Optimizer.__init__
        self._first = FirstCalls()
        self._calls = ModuleCalls(self._looking_failed, self._found)
        self._bare_tensors = BareTensors(
            self._found_bare, self._looking_failed, lambda: bool(self._seen.models)
        )
        self._wrap_optimizers()
        observers.add(self)

    @property
    def seen(self) -> Seen:
        """What was seen of the process so far."""
        seen = Seen()
        seen.add(self._seen)
        for group in self._groups:
            seen.add(seen_of(group))
        seen.looker = self._calls.looker
        seen.bare, seen.transformed = self._bare_tensors.passes, self._bare_tensors.transforms
        return seen

    @property
    def newest(self) -> Recording:
        """Where the training is recorded that stepped last."""
        return self._trainings.newest or self._recorder

    @property
    def left_alone(self) -> list[Path]:
        """Run folders of the trainings that the script observes by itself."""
        return list(self._left.paths)

    def leave(self, model: nn.Module, optimizers: Sequence[Optimizer], path: Path | None) -> None:
        """The script observes this training by itself, in this run folder, or in none where another
        process records it: what was recorded here so far is all."""
        self._safely(self._let_go, (model, optimizers, path))

    def close(self) -> None:
        """Leave PyTorch as it was."""
        observers.discard(self)
        self._bare_tensors.close()
        self._calls.close()
        self._owners.close()
        if Optimizer.__init__ is self._told_init:
            Optimizer.__init__ = self._init  # type: ignore[method-assign]
        self._trainings.close()
        for group in self._groups:
            guard = group.monitor.guard
            group.monitor.close()
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
            self._looking_failed(error)

    def _looking_failed(self, error: Exception) -> None:
        if not self._failed:
            self._failed = True
            _log.warning("backsight: the search for models failed and is switched off: %r", error)

    def _found(self, module: nn.Module) -> None:
        """A root runs for the first time, or again as long as it has no parameters."""
        if self._failed:
            return
        model = self._owners.whole(unwrapped(module), self._movers)
        for whole in (module, model):
            for _, part in named_modules(whole):
                self._calls.know(part)
        if next(parameters_of(model), None) is None:
            if self._first.again(module):
                self._calls.forget(module)
            return
        if self._left.has(set(map(id, parameters_of(model)))):
            return
        movers = [group for group in self._groups if group.monitor.optimizers]
        steps = sum(group.steps for group in movers) + self._bare_tensors.passes
        moved = not movers or any(group.monitor.moves(model) for group in movers)
        if not moved and self._first.passing(module, steps):  # else it may stay
            for _, part in named_modules(module):
                self._calls.forget(part)
            return
        known = [alive(models) for models in self._models.values()]
        new = not any(one is model for models in known for one in models)
        if new and self._first.wrapping(model, known):
            return
        inner = (part for _, part in named_modules(model) if not list(children_of(part)))
        self._seen.inner.update(type(part).__name__ for part in inner)
        owner = self._assign(model)
        if torch.is_grad_enabled():  # it trains here, wherever its optimizers were made
            owner.monitor.runs_here()

    def _count_forward(self, model: nn.Module, *_: Any) -> None:
        self._seen.forwards += 1
        self._copies.called(model)

    def _let_go(self, training: tuple[nn.Module, Sequence[Optimizer], Path | None]) -> None:
        model, optimizers, path = training
        self._left.add(model, optimizers, path)
        for group in list(self._groups):
            if self._left.has(self._held(group)):
                guard = group.monitor.guard
                self._trainings.end(group)
                self._drop(group)
                if guard is not None:
                    guard.close()
        if path is not None:
            self._tell_left(path)

    def _made(self, optimizer: Optimizer) -> None:
        """An optimizer has its parameters: those of a model already seen, or of one to come."""
        moved = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if self._left.has(moved):
            return
        for group in self._groups:
            known = group.monitor.optimizers or group.steps
            if known and self._held(group) & moved:  # it goes on counting, whatever moves them now
                group.monitor.add(optimizer)
                self._trainings.tell(group, "optimizer", described(optimizer))
                self._protect(group)
                return
        group = self._group([optimizer])
        for model in self._waiting():
            if any(id(p) in moved for p in parameters_of(model)):
                self._assign(model)

    def _found_bare(self, tensors: Mapping[str, Tensor]) -> None:
        """The script's own code moves tensors that no module holds."""
        group = self._group([])
        group.kind = LOOSE
        group.monitor.adopt("", tensors)
        group.monitor.runs_here()

    def _held(self, group: Group) -> set[int]:
        """Parameters of its models, and those that it observes of no model that was called."""
        models = alive(self._models[group])
        return group.monitor.parameters.union(id(p) for one in models for p in parameters_of(one))

    def _group(self, optimizers: Sequence[Optimizer]) -> Group:
        """A monitor for what those optimizers move."""
        group = Group()
        group.monitor = Monitor(
            None,
            optimizers,
            self._recorder,
            automatic=True,
            held=True,
            stepped=partial(self._trainings.stepped, group),
            **self._settings,
        )
        self._groups.append(group)
        self._models[group] = []
        group.alive = lambda: bool(alive(self._models.get(group, []))) or not self._models[group]
        self._trainings.add(group)
        return group

    def _waiting(self) -> list[nn.Module]:
        """Models that have run and that nothing has moved yet."""
        return [
            model
            for group in self._groups
            if not group.monitor.optimizers and not group.steps
            for model in alive(self._models[group])
        ]

    def _assign(self, model: nn.Module) -> Group:
        """Give a model to the monitor whose optimizers move it; several of them become one.

        A model that no optimizer moves has a monitor of its own: its code may move it by hand.
        """
        owners = [group for group in self._groups if group.monitor.moves(model)]
        movers = [group for group in owners if group.monitor.optimizers]
        for group in owners:
            if movers and group not in movers:
                self._drop(group)
        if not movers:
            movers = [self._group([])]
        owner, *others = movers
        for other in others:
            models = alive(self._models[other])
            owner.monitor.join(other.monitor)
            self._drop(other)
            for one in models:
                self._adopt(owner, one)
        self._adopt(owner, model)
        self._protect(owner)
        return owner

    def _adopt(self, owner: Group, model: nn.Module) -> None:
        models = self._models[owner]
        self._copies.met(model, owner.monitor)
        if any(reference() is model for reference in models):
            return
        kind = type(model).__name__
        owner.kind = owner.kind or kind
        name = f"{kind}{len(models) + 1}" if models else ""
        owner.monitor.adopt(name, model, self._inputs.of(model))
        models.append(weakref.ref(model))
        number = id(model)
        if number not in self._counted:  # else it comes from another group
            self._counted[number] = weakref.ref(model, lambda _: self._counted.pop(number, None))
            self._seen.models[kind] += 1
            self._calls.watch(model, after=self._count_forward)
        self._trainings.tell(owner, "models", describe_models({name: model}))

    @property
    def mistyped(self) -> list[str]:
        """A sentence for each path of an input that no model of the process has had."""
        return self._inputs.mistyped

    def _drop(self, group: Group) -> None:
        """It has become part of another one."""
        guard = group.monitor.guard
        if guard is not None:
            guard.close()
        group.monitor.close()
        self._trainings.remove(group)
        self._leave(group)

    def _leave(self, group: Group) -> None:
        """It is observed no longer."""
        if group in self._groups:
            self._seen.add(seen_of(group))
            self._groups.remove(group)
            self._models.pop(group, None)

    def _movers(self, model: nn.Module) -> list[Group]:
        return [
            group
            for group in self._groups
            if group.monitor.optimizers and group.monitor.moves(model)
        ]

    def _next_recorder(self) -> Recording:
        """Where one more training is recorded: in the first one's run, if there is no other."""
        self._begun += 1
        if not is_first_process():  # of several that train together, the first records
            return NullRecorder()
        if self._begun == 1 or self._further is None:
            return self._recorder
        return self._further()

    def _forked(self) -> None:
        """A child process trains: it has runs of its own, and ends in its own way."""
        self._begun = max(self._begun, 1)
        # Of multiprocessing: it leaves by os._exit, and nothing of ours on its stack is told.
        Finalize(None, self._child_ends, exitpriority=0)

    def _protect(self, group: Group) -> None:
        """Guard what ``group`` observes; the optimizers' hooks alone keep the guard alive.

        A model that shows itself later is guarded with the others, by a guard that begins anew.
        """
        monitor, models = group.monitor, alive(self._models[group])
        if self._policies is None or not models or not monitor.optimizers:
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
        self.guarded = True
        monitor.protect(guard)
