"""Reads PyTorch's fused layers: the gradients at their outputs, replayed through their states.

A layer that is called for single steps and fed its own output has another way from one position to
the next than the closed form knows: its reach is asked of autograd while the graph is whole.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge
from torch.nn.utils.rnn import PackedSequence

from backsight.layers import LayerAdapter
from backsight.probes._deep import LayerRun
from backsight.probes._precision import on_host
from backsight.probes._reader import (
    HiddenNorms,
    LayerReader,
    Memories,
    ReaderSettings,
    Readings,
)
from backsight.probes.fused._calls import Call, Catcher
from backsight.probes.fused._hidden_norms import hidden_norms
from backsight.probes.fused._last_column import last_column
from backsight.probes.fused._layer_runs import layer_runs
from backsight.probes.fused._memory import memory_of_calls
from backsight.probes.fused._replay import Arithmetic, replay, with_reaches
from backsight.probes.fused._single_steps import SingleSteps

__all__ = ["FusedReader"]


class FusedReader(LayerReader):
    """Of ``nn.RNN``, ``nn.GRU`` and ``nn.LSTM``.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import FusedReader, Readers
        >>> reader = Readers().adopt("rnn", nn.LSTM(3, 4))
        >>> isinstance(reader, FusedReader), reader.needs_before
        (True, True)
    """

    needs_before = True

    def __init__(self, settings: ReaderSettings) -> None:
        super().__init__(settings)
        self.arithmetic: Arithmetic | None = None
        """How layers are replayed; None for what is faster on their device."""
        self._catcher = Catcher(settings.sequences, force=settings.force)
        self._catcher.armed = False
        self._single_steps = SingleSteps()
        self._reaches: dict[str, tuple[NDArray[np.float64], int | None]] = {}
        self._ran: dict[str, tuple[str, ...]] = {}
        self._of_output: set[str] = set()
        """Paths of layers whose initial state is made of an output of theirs."""
        self._measured: list[Call] = []
        """Calls of the pass that was measured, to be run again."""
        self._roots: tuple[Tensor, ...] = ()
        """What the pass under way was called on."""

    def begin(self, armed: bool) -> None:
        """Of gradients, none is wanted before :meth:`backward_begins`."""
        super().begin(armed)
        self._catcher.armed = False
        self._single_steps.armed = armed

    @property
    def names(self) -> list[str]:
        """Of every layer that ran, whether a gradient can arrive there or not."""
        return [name for names in self._ran.values() for name in names]

    @property
    def live(self) -> list[GradientEdge]:
        """Every output that was caught."""
        return self._catcher.live

    @property
    def needs_graph(self) -> bool:
        """Whether a loop of single steps is fed its own output."""
        return bool(self._single_steps.fed_back)

    def before(self, path: str, module: nn.Module, args: Any, kwargs: Any) -> None:
        """Remember what dropout will be drawn from."""
        if self.armed and path not in self._ignored:
            self._catcher.before(path, _fused(module))

    def called(self, path: str, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        """Hang what a replay needs on the outputs."""
        if not self.armed or path in self._ignored:
            return
        if path not in self._ran:
            self._ran[path] = self._adapters[path].layer_names(path, module)
        self._catcher.after(path, _fused(module), args, kwargs, result)
        self._single_steps.called(path, _fused(module), args, kwargs, result)
        for left, most in self._single_steps.left_out.items():
            self.leave_out("feedback left out", left, limit=most)
        for left, cause in self._single_steps.unseen.items():
            self.leave_out(cause, left)
        self._of_output |= self._single_steps.of_output

    def graph_whole(
        self,
        roots: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        scale: Tensor | None = None,
    ) -> Readings:
        """The reach of loops of single steps, kept for the profiles to come."""
        found = Readings()
        self._reaches = {}
        for path in list(self._single_steps.fed_back):
            try:
                self._reaches |= self._single_steps.reach(path, roots, gradients)
                self.unmeasured.pop(path, None)
            except Exception as error:  # noqa: BLE001 - costs that layer alone
                found.errors[path] = error
        found.arrived = bool(self._reaches)
        return found

    def backward_begins(self, roots: Sequence[Tensor]) -> None:
        """Not the passes before, nor one for a penalty on gradients, are to be measured."""
        self._catcher.armed = self.armed
        self._roots = tuple(roots) if self.armed else ()

    def backward_ended(self, scale: Tensor | None = None) -> Readings:
        """The profile of every layer and direction that a gradient has arrived at."""
        self._catcher.armed = False
        found = Readings()
        calls = [
            call for call in self._catcher.take(found.errors) if call.path not in self._ignored
        ]
        self._measured = calls if self.remembers else []
        profiles = replay(calls, scale=scale, arithmetic=self.arithmetic, errors=found.errors)
        found.arrived = bool(profiles)
        for path in {call.path for call in calls} - self._of_output:
            if path in self.unmeasured and not self.unmeasured[path].partial:
                del self.unmeasured[path]
        for path in self._of_output:
            self.leave_out("state of output", path)
            for name in self._ran.get(path, ()):
                profiles.pop(name, None)
        found.profiles = with_reaches(profiles, self._reaches)
        roots, self._roots = self._roots, ()
        for path in {call.path for call in calls}:
            own = [call for call in calls if call.path == path]
            top = f"{path}.l{own[0].module.num_layers - 1}".lstrip(".")
            for name in (top, f"{top}_reverse"):
                # Of halves, the sequences that are followed may have a gradient in one alone.
                if name in found.profiles and found.profiles[name].grad_time.any():
                    column = last_column(own, roots)
                    found.profiles[name] = replace(found.profiles[name], last_column=column)
                    break
        return found

    def memories(self) -> Memories:
        """Of every module, in the order in which its states were made."""
        calls, self._measured = self._measured, []
        found = Memories()
        found.profiles = memory_of_calls(calls, found.errors, self.readout)
        return found

    def layer_runs(self, errors: dict[str, Exception]) -> dict[str, LayerRun]:
        """Of every layer and direction."""
        return layer_runs(self._measured, errors)

    def finish(self) -> None:
        """Of single steps."""
        self._single_steps.finish()

    def forget(self) -> None:
        """Let calls and graphs go."""
        self._catcher.forget()
        self._single_steps.forget()
        self._reaches, self._ran, self._roots, self._of_output = {}, {}, (), set()
        self._measured = []

    def states(
        self,
        adapter: LayerAdapter,
        path: str,
        module: nn.Module,
        args: Any,
        kwargs: Any,
        result: Any,
        *,
        profile: bool,
    ) -> dict[str, HiddenNorms]:
        """Of the top layer: a stack shows no other one in its output."""
        output = result[0]
        if not _data(output).numel():
            return {}
        bounded = adapter.bounded(module)
        return hidden_norms(path, _fused(module), output, profile=profile, bounded=bounded)

    def ends_finite(self, result: Any) -> bool:
        """Of all layers and directions; not known of an accelerator, where a look has to wait."""
        last: Any = result[1] if isinstance(result, tuple) and len(result) == 2 else None
        last = last[0] if isinstance(last, tuple) and last else last  # of an LSTM, h
        if not isinstance(last, Tensor) or not on_host(last):
            return False
        return math.isfinite(last.detach().sum().item())

    def extent(
        self, module: nn.Module, args: Any, kwargs: Any, result: Any
    ) -> tuple[int, int] | None:
        """Of the longest sequence; padding is no element."""
        output = result[0]
        if isinstance(output, PackedSequence):
            data = output.data
            return (output.batch_sizes.shape[0], data.shape[0]) if data.numel() else None
        shape, elements = output.shape, output.numel()
        if not elements:
            return None
        time = 1 if len(shape) == 3 and module.batch_first else 0
        return shape[time], elements // shape[-1]


def _fused(module: nn.Module) -> nn.RNNBase:
    """As its adapter has told."""
    return cast(nn.RNNBase, module)


def _data(output: Tensor | PackedSequence) -> Tensor:
    return output.data if isinstance(output, PackedSequence) else output
