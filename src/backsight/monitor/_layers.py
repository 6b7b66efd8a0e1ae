"""The hooks on a model's modules, and what is gathered from them in an iteration."""

import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils.hooks import RemovableHandle

from backsight.layers import LayerAdapter, adapter_of
from backsight.monitor._outbox import Outbox
from backsight.probes import (
    GradientProfile,
    HiddenNorms,
    Hook,
    InputSpread,
    LayerReader,
    Readers,
    ReaderSettings,
    Readings,
    _precision,
)

__all__ = ["Layers"]

Guarded = Callable[..., None]
"""``guarded(probe, action, *arguments)``: an error switches that probe off, and is no more."""


class Layers:
    """Watches recurrent layers, cells and whatever may be called once a step.

    Args:
        observing: asked before each forward is looked at; by that it is told of it, too.
        guarded: runs a measurement.
        timed: the same, and counts what it costs to the sample.
        sequences: how many of a batch the replay of a fused layer follows.
        batch_first: the layout of a named input.
    """

    def __init__(
        self,
        observing: Callable[[], bool | None],
        guarded: Guarded,
        timed: Guarded,
        *,
        sequences: int | None,
        batch_first: bool,
    ) -> None:
        self.recurrent: weakref.WeakValueDictionary[str, nn.Module] = weakref.WeakValueDictionary()
        """Layers and cells by path; the caller's to keep alive."""
        self._watched: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self.ever_shown: set[str] = set()
        """Layers whose whole output is measured."""
        self.seen = False
        """Whether anything with a time axis has run."""
        self._observing = observing
        self._guarded = guarded
        self._timed = timed
        self.readers = Readers(ReaderSettings(sequences=sequences or 0, batch_first=batch_first))
        self._inputs = {True: InputSpread(), False: InputSpread()}
        # By training mode and by name; the extent of a call is its steps and its elements.
        self._hidden: dict[bool, dict[str, list[HiddenNorms]]] = _none()
        self._extent: dict[bool, dict[str, list[tuple[int, int]]]] = _none()
        self._handles: list[RemovableHandle] = []
        self.sample(False)

    def watch(self, path: str, module: nn.Module) -> None:
        """Put hooks on ``module`` if it is of interest and has none yet."""
        if module in self._watched:
            return
        self._watched.add(module)
        reader = self.readers.adopt(path, module)
        if reader is None:
            return
        adapter = adapter_of(module)
        if adapter is not None:
            self.recurrent[path] = module
        if reader.needs_before:
            before = reader.hook(module, self._before(path))
            self._handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
        after = reader.hook(module, self._after(path, reader, adapter))
        self._handles.append(module.register_forward_hook(after, with_kwargs=True))

    def watch_input(self, path: str, embedding: nn.Module, model: nn.Module) -> None:
        """Measure the reach on what ``embedding`` gives, by what ``model`` returns."""

        name = self.readers.adopt_input(path)

        def returned(_module: nn.Module, _inputs: Any, result: Any) -> None:
            if self._sampling:
                self._timed("reach", self.readers.returned, result)

        reader = self.readers[name]
        embedded = reader.hook(embedding, self._after(name, reader, None))
        self._handles.append(embedding.register_forward_hook(embedded, with_kwargs=True))
        self._handles.append(model.register_forward_hook(Hook(model, returned)))

    def sample(self, yes: bool) -> None:
        """Whether the iteration that begins is a sampled one."""
        self._sampling = yes
        self.readers.begin(yes)

    def before_backward(
        self,
        roots: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        scale: Tensor | None,
    ) -> dict[str, GradientProfile]:
        """What can only be measured while the graph is whole, in the first pass that reaches it."""
        return _whole(self.readers.graph_whole(roots, gradients, scale))

    def after_backward(self, scale: Tensor | None) -> dict[str, GradientProfile]:
        """The gradient through time of every fused layer that a gradient has arrived at."""
        return _whole(self.readers.backward_ended(scale))

    def seal(self, iteration: int, outbox: Outbox) -> None:
        """One number an iteration, also where a layer ran more than once in it."""
        training = bool(self._ran_in[True])
        shown, self._hidden, self._extent = self.shown, _none(), _none()
        spreads = {mode: inputs.take() for mode, inputs in self._inputs.items()}
        for path, spread in spreads[training].items():
            outbox.scalar(f"input_spread/{path or 'model'}", iteration, spread)
        for name, calls in shown.items():
            self.ever_shown.add(name)
            mean, maximum = calls[0].mean, calls[0].maximum
            if len(calls) > 1:
                states = sum(call.states for call in calls)
                mean = torch.stack([call.mean * (call.states / states) for call in calls]).sum()
                maximum = torch.stack([call.maximum for call in calls]).amax()
            outbox.scalar(f"hidden_norm_mean/{name}", iteration, mean)
            outbox.scalar(f"hidden_norm_max/{name}", iteration, maximum)
            by_step = _by_step(calls)
            if by_step is not None:
                outbox.profile(f"hidden_norm/{name}", iteration, by_step)

    def forget(self) -> None:
        """The step is over: nothing of its graph is kept."""
        self.readers.forget()

    @property
    def extent(self) -> tuple[int, int]:
        """Steps unrolled in this iteration, and sequence elements processed.

        Calls of a single step are a loop over time; longer ones are windows or branches.
        """
        ran = self._ran_in
        calls = ran[bool(ran[True])].values()
        steps = (max(max(t for t, _ in each), sum(t == 1 for t, _ in each)) for each in calls)
        elements = (sum(count for _, count in each) for each in calls)
        return max(steps, default=0), max(elements, default=0)

    @property
    def shown(self) -> Mapping[str, list[HiddenNorms]]:
        """Norms so far in this iteration, by layer name.

        Calls in eval mode count only where there is none in training mode: else they were a
        validation's.
        """
        return self._hidden[bool(self._ran_in[True])]

    def close(self) -> None:
        """Take every hook off and let everything go."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self.sample(False)

    # -- hooks -----------------------------------------------------------------------------

    def _before(self, path: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, named: Any) -> None:
            if self._observing() and self._sampling:
                self._timed("reach", self.readers.before, path, module, inputs, named)

        return hook

    def _after(
        self, path: str, reader: LayerReader, adapter: LayerAdapter | None
    ) -> Callable[[nn.Module, Any, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, named: Any, result: Any) -> None:
            if not self._observing():
                return
            call = module, inputs, named, result
            self._guarded("hidden_norm", self._measure_hidden, path, reader, adapter, call)
            if adapter is not None and (self._sampling or adapter.reading == "fused"):
                x = reader.input_of(inputs, named)
                self._guarded("input_spread", self._measure_input, path, module, x)
            if self._sampling:
                self._timed("reach", self.readers.called, path, *call)
            self.seen = self.seen or reader.has_time(path)

        return hook

    def _measure_hidden(
        self,
        path: str,
        reader: LayerReader,
        adapter: LayerAdapter | None,
        call: tuple[nn.Module, Any, Any, Any],
    ) -> None:
        training = call[0].training
        if adapter is not None:
            norms = reader.states(adapter, path, *call, profile=self._sampling)
            for name, one in norms.items():
                self._hidden[training].setdefault(name, []).append(one)
        extent = reader.extent(*call)
        if extent is not None:
            self._extent[training].setdefault(path, []).append(extent)

    def _measure_input(self, path: str, module: nn.Module, x: Any) -> None:
        """In sampled iterations; and where it, or a state, is not finite, to tell what came first.

        A GRU turns an infinite input into states that look well.
        """
        data = (x.data if isinstance(x, PackedSequence) else x).detach()
        # One pass, and no memory: an overflow of the sum only costs the closer look.
        off = _precision.on_host(data) and not math.isfinite(data.sum().item())
        if self._sampling or off or _broken(self._hidden[module.training]):
            self._inputs[module.training].add(path, data)

    @property
    def _ran_in(self) -> dict[bool, dict[str, list[tuple[int, int]]]]:
        """Calls of this iteration with a time axis, by training mode and path."""
        return {
            mode: {path: calls for path, calls in ran.items() if self.readers.has_time(path)}
            for mode, ran in self._extent.items()
        }


def _whole(found: Readings) -> dict[str, GradientProfile]:
    for error in found.errors.values():
        raise error
    return found.profiles


def _by_step(calls: Sequence[HiddenNorms]) -> Tensor | None:
    """``(T,)``: of calls that are single steps, all of them; else the last call's."""
    each = [call.profile for call in calls if call.profile is not None]
    if len(each) == len(calls) and all(len(one) == 1 for one in each):
        return torch.cat(each)
    return calls[-1].profile


def _broken(hidden: Mapping[str, list[HiddenNorms]]) -> bool:
    """Whether a state is not finite, as far as that is known without waiting for a device."""
    return any(
        _precision.on_host(norms[-1].maximum) and not math.isfinite(norms[-1].maximum.item())
        for norms in hidden.values()
    )


def _none() -> dict[bool, dict[str, list[Any]]]:
    return {True: {}, False: {}}
