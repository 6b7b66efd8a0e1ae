"""Measured values on their way to the recorder.

They stay on the model's device until they are collected, all in one copy a dtype and device: no
step of a training loop waits for a value.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from backsight.probes import on_host

__all__ = ["Outbox", "Recording"]

COLLECT_EVERY = 0.4
"""Seconds between copies from the device: with the recorder's own pace, within a second."""

COLLECT_AT_MOST = 4096
"""Values held on the device at most, however fast the iterations are."""


class Recording(Protocol):
    """What the monitor needs of a recorder."""

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """One number a signal."""

    def series(self, name: str, iterations: ArrayLike, values: ArrayLike) -> None:
        """Many samples of a scalar."""

    def profile(self, name: str, iteration: int, row: ArrayLike) -> None:
        """One row."""

    def event(self, kind: str, iteration: int, body: Any, *, urgent: bool = False) -> None:
        """Something that happened."""


@dataclass(slots=True)
class _Waiting:
    names: tuple[str, ...]
    """One for a scalar or a profile; one an element for a vector of scalars."""
    iteration: int
    value: Tensor
    profile: bool


class Outbox:
    """Values waiting on their device.

    Args:
        sink: where they go.
        clock: seconds, for the pace of the copies.

    Example:
        >>> import time
        >>> import torch
        >>> from backsight.monitor.sinks import Outbox
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     outbox = Outbox(recorder, clock=time.perf_counter)
        ...     outbox.scalar("loss", 0, torch.tensor(2.5))
        ...     outbox.collect()
        >>> Run("runs/mine")["loss"].tolist(), outbox.latest
        ([2.5], {'loss': 2.5})
    """

    def __init__(self, sink: Recording, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.latest: dict[str, float] = {}
        """The newest value of each scalar that has reached the host."""
        self._sink = sink
        self._waiting: list[_Waiting] = []
        self._elsewhere: set[str] = set()
        """Names of what waits."""
        self._broke = False
        self._collected = self._clock()

    def scalar(self, name: str, iteration: int, value: Tensor) -> None:
        """Keep a value where it is; nobody writes into it any longer."""
        one = _wide(value.reshape(1))
        self._wait((name,), iteration, one)

    def first_broken(self, value: float | Tensor) -> bool:
        """Whether ``value`` is the first to be not finite, as far as that is at hand."""
        known = not isinstance(value, Tensor) or on_host(value)
        if self._broke or not known or math.isfinite(value):
            return False
        self._broke = True
        return True

    def scalars(self, names: Sequence[str], iteration: int, values: Tensor) -> None:
        """``(n,)`` values, a signal each, free of their graph and safe from being overwritten."""
        self._wait(tuple(names), iteration, _kept(values))

    def profile(self, name: str, iteration: int, row: Tensor | NDArray[np.float64]) -> None:
        """The same for a row ``(width,)``; one on the host needs not wait."""
        if isinstance(row, Tensor):
            self._wait((name,), iteration, _kept(row), profile=True)
        else:
            self._sink.profile(name, iteration, row)

    def here(self, iteration: int, values: dict[str, float]) -> None:
        """Numbers that are on the host already."""
        named = dict(values)
        for name in self._elsewhere & named.keys():  # behind what waits of the same signal
            self._wait((name,), iteration, torch.tensor([named.pop(name)], dtype=torch.float64))
        self._sink.scalars(iteration, named)
        self.latest.update(named)

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._elsewhere.clear()

    @property
    def due(self) -> bool:
        """Whether it is time to collect."""
        waits = self._clock() - self._collected > COLLECT_EVERY
        return waits or len(self._waiting) > COLLECT_AT_MOST

    def collect(self) -> None:
        """Bring everything to the host and record it."""
        self._collected = self._clock()
        waiting, self._waiting, self._elsewhere = self._waiting, [], set()
        kinds: dict[tuple[torch.dtype, torch.device], list[_Waiting]] = {}
        for item in waiting:
            kinds.setdefault((item.value.dtype, item.value.device), []).append(item)
        series: dict[str, list[tuple[int, float]]] = {}
        for items in kinds.values():
            self._bring(items, series)
        for name, samples in series.items():
            # Of one signal some may have been on the host, some elsewhere.
            iterations, values = zip(*sorted(samples), strict=True)
            self._sink.series(name, iterations, values)
            self.latest[name] = values[-1]

    def _wait(
        self, names: tuple[str, ...], iteration: int, value: Tensor, *, profile: bool = False
    ) -> None:
        self._waiting.append(_Waiting(names, iteration, value, profile))
        self._elsewhere.update(names)

    def _bring(self, items: list[_Waiting], series: dict[str, list[tuple[int, float]]]) -> None:
        flat = torch.cat([item.value for item in items]).cpu().numpy()
        start = 0
        for item in items:
            size = item.value.numel()
            part = flat[start : start + size]
            if item.profile:
                self._sink.profile(item.names[0], item.iteration, part)
            else:
                for name, value in zip(item.names, part.tolist(), strict=True):
                    series.setdefault(name, []).append((item.iteration, value))
            start += size


def _kept(values: Tensor) -> Tensor:
    """``(n,)``: a copy without a graph."""
    return _wide(values.detach().reshape(-1).clone())


def _wide(values: Tensor) -> Tensor:
    """In a dtype that the store has."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()
