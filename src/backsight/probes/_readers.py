"""TEMPORARY until the registry lands: how layers are read, in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from backsight.probes._calls import Catcher
from backsight.probes._graph import GraphProbe
from backsight.probes._hidden import HiddenNorms, hidden_norms
from backsight.probes._profile import GradientProfile
from backsight.probes._replay import Reading, replay, with_reaches
from backsight.probes._tensors import tensors_in

__all__ = ["Readers", "Readings"]


@dataclass
class Readings:
    profiles: dict[str, GradientProfile] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)


class Readers:
    def __init__(self, *, sequences: int | None = None, batch_first: bool = True) -> None:
        self.reading: Reading | None = None
        self._catcher = Catcher(sequences or 0)
        self._graph = GraphProbe(batch_first=batch_first)
        self._batch_first = batch_first
        self._named: set[str] = set()
        self._fused: set[str] = set()
        self._reaches: dict[str, NDArray[np.float64]] = {}
        self._armed = False
        self.forget()

    @property
    def armed(self) -> bool:
        return self._armed

    @armed.setter
    def armed(self, yes: bool) -> None:
        self._armed = self._graph.armed = yes
        self._catcher.armed = False

    def ignore(self, path: str) -> None: ...

    def before(self, path: str, module: nn.Module, args: Any, kwargs: Any) -> None:
        if isinstance(module, nn.RNNBase):
            self._catcher.before(path, module)

    def called(self, path: str, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        if isinstance(module, nn.RNNBase):
            self._catcher.after(path, module, args, kwargs, result)
            self._graph.single(path, module, args, kwargs, result)
        else:
            self._graph.stepped(path, module, args, kwargs, result)

    def embedded(self, path: str, result: Any) -> None:
        self._graph.embedded(path, result)

    def returned(self, result: Any) -> None:
        self._graph.returned(result)

    def hands_on(self, path: str) -> bool:
        return self._graph.hands_on(path)

    def states(
        self, path: str, module: nn.Module, result: Any, *, profile: bool
    ) -> dict[str, HiddenNorms]:
        if not isinstance(module, nn.RNNBase):
            return {}
        output = result[0]
        data = output.data if isinstance(output, PackedSequence) else output
        return hidden_norms(path, module, output, profile=profile) if data.numel() else {}

    def input_of(self, module: nn.Module, args: Any, kwargs: Mapping[str, Any]) -> Any:
        return args[0] if args else kwargs["input"]

    def extent(self, module: nn.Module, args: Any, kwargs: Any, result: Any) -> tuple[int, int]:
        if not isinstance(module, nn.RNNBase):
            state = next(tensors_in(result), None)
            if state is None:
                return 0, 0
            return 1, state.shape[0] if state.dim() > 1 else 1
        output = result[0]
        if isinstance(output, PackedSequence):
            return len(output.batch_sizes), len(output.data)
        if not output.numel():
            return 0, 0
        time = 1 if module.batch_first and output.dim() == 3 else 0
        return output.shape[time], output.numel() // output.shape[-1]

    def graph_whole(
        self,
        roots: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        scale: Tensor | None,
    ) -> Readings:
        found: dict[str, GradientProfile] = {}
        if self._graph.names or self._graph.fed_back:
            device = roots[0].device
            elsewhere = [] if device.type == "cpu" else [device]
            with torch.random.fork_rng(elsewhere, device_type=device.type if elsewhere else "cuda"):
                found = self._graph.measure(roots, gradients, scale)
                self._reaches = self._graph.reaches(roots, gradients)
        if self._reaches or any(p.outcome != "not enough data" for p in found.values()):
            self._graph.finish()
        self._catcher.armed = self._armed
        return Readings(found)

    def backward_ended(self, scale: Tensor | None) -> Readings:
        self._catcher.armed = False
        calls = self._catcher.take()
        self._graph.finish()
        found = replay(calls, scale=scale, reading=self.reading)
        return Readings(with_reaches(found, self._reaches))

    def forget(self) -> None:
        self._graph.forget()
        self._catcher.forget()
