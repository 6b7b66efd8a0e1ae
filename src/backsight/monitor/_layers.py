"""The hooks on a model's modules, and what is gathered from them in an iteration."""

import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils.hooks import RemovableHandle

from backsight.monitor._outbox import Outbox
from backsight.probes import (
    Catcher,
    EagerHook,
    GradientProfile,
    GraphProbe,
    HiddenNorms,
    Hook,
    InputSpread,
    Reading,
    _precision,
    hidden_norms,
    may_be_stepped,
    replay,
    tensors_in,
    with_reaches,
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
        self.recurrent: weakref.WeakValueDictionary[str, nn.RNNBase | nn.RNNCellBase] = (
            weakref.WeakValueDictionary()
        )
        """Layers and cells by path; the caller's to keep alive."""
        self._watched: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self.ever_shown: set[str] = set()
        """Layers whose whole output is measured."""
        self.reading: Reading | None = None
        """How fused layers are replayed; None for what is faster on their device."""
        self.seen = False
        """Whether anything with a time axis has run."""
        self._observing = observing
        self._guarded = guarded
        self._timed = timed
        self._catcher = Catcher(sequences or 0)
        self._graph = GraphProbe(batch_first=batch_first)
        self._batch_first = batch_first
        self._named_inputs: set[str] = set()
        self._inputs = {True: InputSpread(), False: InputSpread()}
        # By training mode and by name; the extent of a call is its steps and its elements.
        self._hidden: dict[bool, dict[str, list[HiddenNorms]]] = _none()
        self._extent: dict[bool, dict[str, list[tuple[int, int]]]] = _none()
        self._handles: list[RemovableHandle] = []
        self._reaches: dict[str, NDArray[np.float64]] = {}
        self.sample(False)

    def watch(self, path: str, module: nn.Module) -> None:
        """Put hooks on ``module`` if it is of interest and has none yet."""
        if module in self._watched:
            return
        self._watched.add(module)
        if isinstance(module, nn.RNNBase):
            self.recurrent[path] = module
            before, after = EagerHook(module, self._before(path)), self._after_fused(path)
            self._handles.append(module.register_forward_pre_hook(before))
            self._handles.append(
                module.register_forward_hook(EagerHook(module, after), with_kwargs=True)
            )
        elif may_be_stepped(module):
            if isinstance(module, nn.RNNCellBase):
                self.recurrent[path] = module
            self._handles.append(
                module.register_forward_hook(Hook(module, self._after_step(path)), with_kwargs=True)
            )

    def watch_input(self, path: str, embedding: nn.Module, model: nn.Module) -> None:
        """Measure the reach on what ``embedding`` gives, by what ``model`` returns."""

        def embedded(module: nn.Module, _inputs: Any, result: Any) -> None:
            if not self._observing():
                return
            self.seen = True
            found = next(tensors_in(result), None)
            if found is not None and found.dim() > 1:
                steps = found.shape[1 if self._batch_first else 0]
                self._ran(f"input:{path}", module, steps, found.shape[0] * found.shape[1])
            if self._sampling:
                self._timed("reach", self._graph.embedded, path, result)

        def returned(_module: nn.Module, _inputs: Any, result: Any) -> None:
            if self._sampling:
                self._timed("reach", self._graph.returned, result)

        self._named_inputs.add(f"input:{path}")
        self._handles.append(embedding.register_forward_hook(Hook(embedding, embedded)))
        self._handles.append(model.register_forward_hook(Hook(model, returned)))

    def sample(self, yes: bool) -> None:
        """Whether the iteration that begins is a sampled one."""
        self._sampling = self._graph.armed = yes
        self._catcher.armed = False
        self._catcher.forget()
        self._graph.forget()

    def before_backward(
        self,
        roots: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        scale: Tensor | None,
    ) -> dict[str, GradientProfile]:
        """What can only be measured while the graph is whole, in the first pass that reaches it.

        Random numbers that a hook of the caller's draws on the way are put back.
        """
        found: dict[str, GradientProfile] = {}
        if self._graph.names or self._graph.fed_back:
            device = roots[0].device
            elsewhere = [] if device.type == "cpu" else [device]
            with torch.random.fork_rng(elsewhere, device_type=device.type if elsewhere else "cuda"):
                found = self._graph.measure(roots, gradients, scale)
                self._reaches = self._graph.reaches(roots, gradients)
        if self._reaches or any(p.outcome != "not enough data" for p in found.values()):
            self._graph.finish()  # else it was another model's loss
        # Only now: that pass, or one for a penalty on gradients, is not the one to be measured.
        self._catcher.armed = self._sampling
        return found

    def after_backward(self, scale: Tensor | None) -> dict[str, GradientProfile]:
        """The gradient through time of every fused layer that a gradient has arrived at."""
        self._catcher.armed = False
        calls = self._catcher.take()
        self._graph.finish()
        found = replay(calls, scale=scale, reading=self.reading)
        return with_reaches(found, self._reaches)

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
        self._graph.forget()
        self._catcher.forget()

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

    def _before(self, path: str) -> Callable[[nn.RNNBase, Any], None]:
        def hook(module: nn.RNNBase, _inputs: Any) -> None:
            if self._observing() and self._sampling:
                self._timed("reach", self._catcher.before, path, module)

        return hook

    def _after_fused(self, path: str) -> Callable[[nn.RNNBase, Any, Any, Any], None]:
        def hook(module: nn.RNNBase, inputs: Any, named: Any, result: Any) -> None:
            if not self._observing():
                return
            self.seen = True
            self._guarded("hidden_norm", self._measure_hidden, path, module, result[0])
            x = inputs[0] if inputs else named["input"]
            self._guarded("input_spread", self._measure_input, path, module, x)
            if self._sampling:
                self._timed("reach", self._catcher.after, path, module, inputs, named, result)
                self._timed("reach", self._graph.single, path, module, inputs, named, result)

        return hook

    def _after_step(self, path: str) -> Callable[[nn.Module, Any, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, named: Any, result: Any) -> None:
            if not self._observing():
                return
            state = next(tensors_in(result), None)
            if state is not None:
                self._ran(path, module, 1, state.shape[0] if state.dim() > 1 else 1)
            if self._sampling:
                if isinstance(module, nn.RNNCellBase):
                    x = inputs[0] if inputs else named["input"]
                    self._guarded("input_spread", self._inputs[module.training].add, path, x)
                self._timed("reach", self._graph.stepped, path, module, inputs, named, result)
            self.seen = self.seen or self._has_time(path)

        return hook

    def _measure_hidden(self, path: str, module: nn.RNNBase, output: Any) -> None:
        packed = isinstance(output, PackedSequence)
        data = output.data if packed else output
        if not data.numel():
            return
        norms = hidden_norms(path, module, output, profile=self._sampling)
        for name, one in norms.items():
            self._hidden[module.training].setdefault(name, []).append(one)
        if packed:
            steps, elements = len(output.batch_sizes), len(data)
        else:
            time = 1 if module.batch_first and data.dim() == 3 else 0
            steps, elements = data.shape[time], data.numel() // data.shape[-1]
        self._ran(path, module, steps, elements)

    def _measure_input(self, path: str, module: nn.RNNBase, x: Any) -> None:
        """In sampled iterations; and where it, or a state, is not finite, to tell what came first.

        A GRU turns an infinite input into states that look well.
        """
        data = (x.data if isinstance(x, PackedSequence) else x).detach()
        # One pass, and no memory: an overflow of the sum only costs the closer look.
        off = _precision.on_host(data) and not math.isfinite(data.sum().item())
        if self._sampling or off or _broken(self._hidden[module.training]):
            self._inputs[module.training].add(path, data)

    def _ran(self, path: str, module: nn.Module, steps: int, elements: int) -> None:
        self._extent[module.training].setdefault(path, []).append((steps, elements))

    def _has_time(self, path: str) -> bool:
        """Whether its calls are steps of a sequence; of a user's own module, so far as is known."""
        return path in self.recurrent or path in self._named_inputs or self._graph.hands_on(path)

    @property
    def _ran_in(self) -> dict[bool, dict[str, list[tuple[int, int]]]]:
        """Calls of this iteration with a time axis, by training mode and path."""
        return {
            mode: {path: calls for path, calls in ran.items() if self._has_time(path)}
            for mode, ran in self._extent.items()
        }


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
