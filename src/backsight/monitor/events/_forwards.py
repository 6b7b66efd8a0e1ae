"""The forwards of a model's modules: which of them ran in an iteration, for how many steps."""

import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import nn

from backsight.layers import LayerAdapter, adapter_of
from backsight.monitor._iteration import Followed, LayerCall, Role, those_followed
from backsight.monitor.events._call_chains import CallChains
from backsight.monitor.events._evaluations import Evaluations
from backsight.monitor.events._lone_calls import LoneCalls
from backsight.probes import LayerReader, ModuleCalls, Readers, modules_above, named_modules

__all__ = ["Forwards"]


class _Extent:
    """Calls of one module in one mode, of which a backward pass follows all or none."""

    __slots__ = ("elements", "followed", "longest", "single", "training")

    def __init__(self, training: bool, followed: Followed | None) -> None:
        self.training, self.followed = training, followed
        self.single = self.longest = self.elements = 0
        """Calls of a single step, steps of the longest one, and sequence elements of all."""


class Ran:
    """What has run in one iteration; it may be asked when that is long over.

    Args:
        has_time: tells whether what is under a path has a time axis.
    """

    __slots__ = ("_has_time", "by_mode")

    def __init__(self, has_time: Callable[[str], bool]) -> None:
        self._has_time = has_time
        self.by_mode: dict[bool, dict[str, list[_Extent]]] = {True: {}, False: {}}
        """By training mode and by path."""

    @property
    def training(self) -> bool:
        """Whether anything with a time axis has run in training mode."""
        return any(map(self._has_time, self.by_mode[True]))

    @property
    def extent(self) -> tuple[int, int]:
        """Steps unrolled, and sequence elements processed.

        Calls of a single step are a loop over time; longer ones are windows or branches. Those in
        eval mode count only where there is none in training mode: else they were a validation's.
        Those that no backward pass followed count only where there is none that it did.
        """
        steps = elements = 0
        for path, each in self.by_mode[self.training].items():
            if self._has_time(path):
                single = count = 0
                for calls in those_followed(each, lambda one: one.followed):
                    steps = max(steps, calls.longest)
                    single, count = single + calls.single, count + calls.elements
                steps, elements = max(steps, single), max(elements, count)
        return steps, elements


class Forwards:
    """Watches recurrent layers, cells and whatever may be called once a step.

    Args:
        observing: asked before each forward is looked at; by that it is told of it, too.
        begins: hears of a recurrent layer that is about to run.
        ended: hears of whatever has run.
        model_ended: hears of a module that has observed layers within it, while
            :meth:`tell_models` says so.
        failed: hears of a layer whose steps could not be counted, once; with an empty path, of
            what else went wrong in a forward.
        readers: know which modules have a time axis.
        clock: seconds.

    Example:
        >>> import time
        >>> import torch
        >>> from backsight.monitor.events import Forwards
        >>> from backsight.probes import Readers
        >>> cell, calls, clock = torch.nn.GRUCell(3, 4), [], time.perf_counter
        >>> forwards = Forwards(lambda: True, print, calls.append, print, print, Readers(), clock)
        >>> forwards.watch("cell", cell)
        >>> state = cell(torch.zeros(2, 3))
        >>> [call.path for call in calls], forwards.now.extent
        (['cell'], (1, 2))
    """

    def __init__(
        self,
        observing: Callable[[], bool | None],
        begins: Callable[[LayerCall], None],
        ended: Callable[[LayerCall], None],
        model_ended: Callable[[LayerCall], None],
        failed: Callable[[str, Exception], None],
        readers: Readers,
        clock: Callable[[], float],
    ) -> None:
        self.layers: weakref.WeakValueDictionary[str, nn.Module] = weakref.WeakValueDictionary()
        """Recurrent layers and cells by path; the caller's to keep alive."""
        self.seen = False
        """Whether anything with a time axis has ever run."""
        self.ran: set[str] = set()
        """Paths of what has run."""
        self.tells_begin = True
        """Whether anybody wants to hear of a layer that is about to run."""
        self.tells_cells = True
        """Whether anybody wants to hear of the calls of modules that show no states: of cells, and
        of modules of the user's own."""
        self.hooks_all = True
        """Whether somebody may ask of each call whether a backward pass has come through it."""
        self._watched: dict[int, weakref.ref[nn.Module]] = {}
        self._observing = observing
        self._begins, self._ended, self._failed = begins, ended, failed
        self._model_ended = model_ended
        self._models: dict[str, weakref.ref[nn.Module]] = {}
        """By path, modules that have layers within them."""
        self._untell_models: list[Callable[[], None]] = []
        self._uncounted: set[str] = set()
        self._readers = readers
        self._clock = clock
        self.spent = 0.0
        """Seconds after and before forwards, whoever was told of them included."""
        self._calls = ModuleCalls(lambda error: failed("", error))
        self.evaluations = Evaluations(self._calls, self._evaluated)
        self.drops_in_eval: bool | None = None
        """Whether dropout dropped in the newest evaluation; None where there was none so far."""
        self._running: list[CallChains] = []
        """Of modules that have run in this iteration."""
        self._iterations = 0
        self.unhooked: list[LoneCalls] = []
        """Of layers whose call in this iteration is taken for the only one."""
        self.begin()

    def begin(self) -> None:
        """A new iteration: nothing has run."""
        self.now = Ran(self._readers.has_time)
        """What has run in it."""
        for chains in self._running:
            chains.begin()
        self._running.clear()
        self._iterations += 1
        if self.unhooked:
            self.pass_begins()

    def pass_begins(self) -> None:
        """After a backward pass, the graphs of the calls before are gone."""
        for calls in self.unhooked:
            calls.let_go()
        self.unhooked.clear()

    def watch_all(self, name: str, model: nn.Module) -> bool:
        """Watch whatever in ``model`` is of interest, under paths that begin with ``name``; whether
        there is a recurrent layer."""
        holders = modules_above(model, lambda module: adapter_of(module) is not None)
        for path, module in named_modules(model):
            self.watch(".".join(filter(None, (name, path))), module, holds=id(module) in holders)
        return id(model) in holders

    def watch(self, path: str, module: nn.Module, *, holds: bool | None = None) -> None:
        """Watch ``module`` if it is of interest and is not watched yet.

        Args:
            path: its own, by which it is told of.
            module: the caller's.
            holds: whether a recurrent layer is inside it, where that is known: see
                :func:`~backsight.probes.modules_above`.
        """
        number = id(module)
        if number in self._watched:
            return
        self._watched[number] = weakref.ref(module, lambda _: self._watched.pop(number, None))
        adapter = adapter_of(module)
        if holds is None:
            holds = any(adapter_of(part) for _, part in named_modules(module))
        if adapter is None and holds:
            self._models[path] = weakref.ref(module)
            self.evaluations.watch(module)
        reader = self._readers.adopt(path, module)
        if reader is None:
            return
        if adapter is not None:
            self.layers[path] = module
        role: Role = "module" if adapter is None else "layer"
        self._calls.watch(
            module,
            before=self._on_begin(path, adapter) if reader.needs_before else None,
            after=self._on_end(path, role, adapter, reader),
        )

    def tell_models(self, told: bool) -> None:
        """Tell of modules that have layers within them, or no longer."""
        if not told:
            for leave in self._untell_models:
                leave()
            self._untell_models.clear()
        elif not self._untell_models:
            for path, alive in self._models.items():
                model = alive()
                if model is not None:
                    leave = self._calls.watch(model, after=self._on_model(path))
                    self._untell_models.append(leave)

    def _evaluated(self, dropped: bool) -> None:
        self.drops_in_eval = dropped

    def _on_model(self, path: str) -> Callable[..., None]:
        def ended(module: nn.Module, inputs: Any, named: Any, result: Any) -> None:
            self._model_ended(LayerCall(path, module, inputs, named, result, "model"))

        told = self._if_observing(ended)
        assert told is not None
        return told

    def search(self, name: str, model: nn.Module, named: Sequence[str] | None) -> None:
        """Have the embedded inputs of ``model`` found in sampled iterations, and watch these.

        Args:
            name: put before its paths.
            model: the caller's.
            named: paths of the modules that embed its inputs; None to find them.
        """

        def attach(
            module: nn.Module, before: Callable[..., None] | None, after: Callable[..., None] | None
        ) -> Callable[[], None]:
            return self._calls.watch(
                module, before=self._if_observing(before), after=self._if_observing(after)
            )

        begins = self._readers.inputs.search(model, name, named, attach, self._found_input)
        self._calls.watch(
            model, before=self._if_observing(lambda _, args, kwargs: begins(args, kwargs))
        )

    def watch_decays(self, name: str, model: nn.Module) -> None:
        """Have the gates of linear recurrences read in sampled iterations.

        Args:
            name: put before the paths of ``model``.
            model: the caller's.
        """

        def attach(
            module: nn.Module, before: Callable[..., None] | None, after: Callable[..., None] | None
        ) -> Callable[[], None]:
            return self._calls.watch(
                module, before=self._if_observing(before), after=self._if_observing(after)
            )

        if self._readers.decays.watch(model, name, attach):
            # An iteration has to have begun when the first of them runs.
            self._calls.watch(model, before=self._if_observing(lambda *_: None))

    def _if_observing(self, action: Callable[..., None] | None) -> Callable[..., None] | None:
        if action is None:
            return None

        def told(*call: Any) -> None:
            at = self._clock()
            if self._observing():
                action(*call)
                self.spent += self._clock() - at

        return told

    def _found_input(
        self, path: str, module: nn.Module, training: bool, extent: tuple[int, int]
    ) -> None:
        """A module embeds the input: its calls are whole sequences."""
        self.seen = True
        self.ran.add(path)
        if path in self._readers:
            return
        self._readers.adopt_input(path)
        self._add(path, training, None, extent)
        reader = self._readers.inputs

        def ended(module: nn.Module, inputs: Any, named: Any, result: Any) -> None:
            now = reader.extent(module, inputs, named, result)
            if now is not None:
                self.ran.add(path)
                self._add(path, module.training, None, now)

        self._calls.watch(module, after=self._if_observing(ended))

    def close(self) -> None:
        """Watch nothing any longer."""
        self.evaluations.close()
        self._calls.close()
        self.pass_begins()

    def _on_begin(
        self, path: str, adapter: LayerAdapter | None
    ) -> Callable[[nn.Module, Any, Any], None]:
        def began(module: nn.Module, inputs: Any, named: Any) -> None:
            at = self._clock()
            if self._observing() and self.tells_begin:
                self._begins(LayerCall(path, module, inputs, named, adapter=adapter))
            self.spent += self._clock() - at

        return began

    def _on_end(
        self, path: str, role: Role, adapter: LayerAdapter | None, reader: LayerReader
    ) -> Callable[[nn.Module, Any, Any, Any], None]:
        whole = adapter is not None and adapter.reading in ("fused", "scanned")
        stepped = partial(self._readers.has_time, path)
        cell = adapter is not None and not whole
        chains = None if whole else CallChains(cell=cell, stepped=stepped)
        lone = LoneCalls()
        silent = not whole and not reader.shows_states
        plain = silent and type(reader).extent is LayerReader.extent
        newest: _Extent | None = None

        def ended(module: nn.Module, inputs: Any, named: Any, result: Any) -> None:
            nonlocal newest
            at = self._clock()
            if not self._observing():
                return
            handed = chains.goes_on(inputs, result) if chains is not None and cell else None
            counts = plain and handed is not None and not self.tells_cells
            if counts and newest is not None and newest.training is module.training:
                newest.single += 1  # the everyday of a cell in a loop
                newest.elements += handed or 0
                self.spent += self._clock() - at
                return
            if chains is None:
                followed: Followed | None = lone.follow(
                    module, result, self._iterations, at_once=self.hooks_all
                )
                if lone.held is not None:
                    self.unhooked.append(lone)
            elif handed is not None:
                followed = chains.newest
            else:
                if not chains.begun:
                    self._running.append(chains)
                followed = chains.follow(inputs, named, result)
            self.ran.add(path)
            if path not in self._uncounted:
                try:
                    extent = reader.extent(module, inputs, named, result)
                except Exception as error:  # noqa: BLE001 - must not reach the forward
                    newest = None
                    self._uncounted.add(path)
                    self._failed(path, error)
                else:
                    newest = self._add(path, module.training, followed, extent)
            if not silent or self.tells_cells:
                call = LayerCall(path, module, inputs, named, result, role, adapter, followed)
                self._ended(call)
            self.seen = self.seen or self._readers.has_time(path)
            self.spent += self._clock() - at

        return ended

    def _add(
        self,
        path: str,
        training: bool,
        followed: Followed | None,
        extent: tuple[int, int] | None,
    ) -> _Extent | None:
        """One more call; of an empty one, there is nothing to count."""
        if extent is None:
            return None
        calls = self.now.by_mode[training].setdefault(path, [])
        if not calls or calls[-1].followed is not followed:
            calls.append(_Extent(training, followed))
        newest, (steps, elements) = calls[-1], extent
        newest.single += steps == 1
        newest.longest = max(newest.longest, steps)
        newest.elements += elements
        return newest
