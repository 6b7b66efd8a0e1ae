"""The one façade: step events in, recorded signals out.

A training loop tells the monitor what happens, in this order, once an iteration::

    forward of a recurrent layer     seen by a module hook
    monitor.backward_ended(loss)     gradients as computed, before any clipping
    optimizer.step()                 seen by an optimizer hook: gradients as applied
    monitor.iteration_ended(...)     the iteration is complete

Observing never changes the run: hooks only read, under ``no_grad``, and draw no random
numbers. Measured values stay on the model's device and come over in one copy a few times a
second, never value by value. An error in a probe is logged once, switches that probe off, and
training goes on.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from backsight.errors import SettingError
from backsight.probes import gradient_norm, hidden_norms, recurrent_layers
from backsight.signals import Recorder

__all__ = ["Monitor"]

_log = logging.getLogger("backsight")

COLLECT_EVERY = 0.4
"""Seconds between copies from the device: with the recorder's own pace, within a second."""

COLLECT_AT_MOST = 4096
"""Values held on the device at most, however fast the iterations are."""


class Monitor:
    """Observes one model and one optimizer, and records what it sees.

    Args:
        model: its ``nn.RNN``/``GRU``/``LSTM`` modules are observed.
        optimizer: its steps are observed.
        recorder: where signals go; closing it is its owner's business.
        every: hidden-state profiles are taken every so many iterations.
        iteration: the number of the first iteration.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        recorder: Recorder,
        *,
        every: int = 50,
        iteration: int = 0,
    ) -> None:
        if every < 1:
            raise SettingError(f"every must be at least 1 iteration, not {every}")
        self.iteration = iteration
        self.latest: dict[str, float] = {}
        """The newest value of each scalar that has reached the host."""
        self._recorder = recorder
        self._optimizer = optimizer
        self._every = every
        self._off: set[str] = set()
        self._aside = False
        self._clock = self._collected = time.perf_counter()
        self._here: dict[str, float] = {}
        self._there: list[tuple[str, int, Tensor]] = []
        self._hidden: dict[str, list[Any]] = {}
        self._handles = [
            module.register_forward_hook(self._forward_hook(path))
            for path, module in recurrent_layers(model).items()
        ]
        self._handles.append(optimizer.register_step_pre_hook(self._about_to_step))

    # -- step events -----------------------------------------------------------------------

    def backward_ended(self, loss: Tensor) -> None:
        """Gradients are complete and unclipped.

        Args:
            loss: the scalar backward was called on, unscaled.
        """
        self._try("loss", self._measured, "loss", loss)
        self._try("grad_norm", self._measure_gradient, "grad_norm")

    def iteration_ended(self, *, seq_len: int, tokens: int) -> None:
        """The optimizer has stepped (or has declined to).

        Args:
            seq_len: steps unrolled in this iteration.
            tokens: sequence elements learned from in this iteration, over all processes.
        """
        now = time.perf_counter()
        self._try("hidden_norm", self._seal_hidden)
        self._here["seq_len"] = float(seq_len)
        self._here["tokens_per_second"] = tokens / max(now - self._clock, 1e-9)
        self._recorder.scalars(self.iteration, self._here)
        self.latest.update(self._here)
        self._here = {}
        self.iteration += 1
        self._clock = now
        if now - self._collected > COLLECT_EVERY or len(self._there) > COLLECT_AT_MOST:
            self.collect()

    def log(self, **values: float | Tensor) -> None:
        """Record numbers of the caller's own; a tensor's value is not waited for."""
        for name, value in values.items():
            if isinstance(value, Tensor):
                self._measured(name, value)
            else:
                self._here[name] = float(value)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Validation, sampling: inside, nothing is observed and the clock stands still."""
        began, self._aside = time.perf_counter(), True
        try:
            yield
        finally:
            self._aside = False
            self._clock += time.perf_counter() - began

    def collect(self) -> None:
        """Bring measured values to the host, in one copy a dtype and device, and record them."""
        self._collected = time.perf_counter()
        waiting, self._there = self._there, []
        kinds: dict[tuple[torch.dtype, torch.device], list[tuple[str, int, Tensor]]] = {}
        for item in waiting:
            kinds.setdefault((item[2].dtype, item[2].device), []).append(item)
        for items in kinds.values():
            self._try("collect", self._bring, items)

    def close(self) -> None:
        """Record what is left and take every hook off. A second call does nothing."""
        self.collect()
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- inside ----------------------------------------------------------------------------

    def _measured(self, name: str, value: Tensor | None) -> None:
        """Keep a value where it is, free of its graph and safe from being overwritten."""
        if value is not None:
            wide = value.dtype in (torch.float32, torch.float64)
            kept = value.detach().clone() if wide else value.detach().float()
            self._there.append((name, self.iteration, kept))

    def _bring(self, items: list[tuple[str, int, Tensor]]) -> None:
        sizes = [tensor.numel() for _, _, tensor in items]
        flat = torch.cat([tensor.reshape(-1) for _, _, tensor in items]).cpu().numpy()
        scalars: dict[str, tuple[list[int], list[int]]] = {}
        start = 0
        for (name, iteration, tensor), size in zip(items, sizes, strict=True):
            if tensor.dim():
                self._recorder.profile(name, iteration, flat[start : start + size])
            else:
                iterations, places = scalars.setdefault(name, ([], []))
                iterations.append(iteration)
                places.append(start)
            start += size
        for name, (iterations, places) in scalars.items():
            self._recorder.series(name, iterations, flat[places])
            self.latest[name] = float(flat[places[-1]])

    def _forward_hook(self, path: str) -> Callable[[nn.RNNBase, Any, Any], None]:
        def hook(module: nn.RNNBase, _inputs: Any, outputs: Any) -> None:
            if self._aside or not torch.is_grad_enabled():
                return
            self._try("hidden_norm", self._measure_hidden, path, module, outputs[0])

        return hook

    def _measure_hidden(self, path: str, module: nn.RNNBase, output: Any) -> None:
        for name, norms in hidden_norms(path, module, output).items():
            self._hidden.setdefault(name, []).append(norms)

    def _measure_gradient(self, name: str) -> None:
        groups = self._optimizer.param_groups  # asked anew: a group may be added later
        self._measured(name, gradient_norm(p for group in groups for p in group["params"]))

    def _seal_hidden(self) -> None:
        """One number an iteration, also where a layer ran more than once in it."""
        hidden, self._hidden = self._hidden, {}
        for name, calls in hidden.items():
            states = sum(call.states for call in calls)
            mean = torch.stack([call.mean * (call.states / states) for call in calls]).sum()
            maximum = torch.stack([call.maximum for call in calls]).amax()
            self._measured(f"hidden_norm_mean/{name}", mean)
            self._measured(f"hidden_norm_max/{name}", maximum)
            if self.iteration % self._every == 0:
                self._measured(f"hidden_norm/{name}", calls[-1].profile)

    def _about_to_step(self, optimizer: Optimizer, _args: Any, _kwargs: Any) -> None:
        self._try("grad_norm_applied", self._measure_gradient, "grad_norm_applied")
        self._try("optimizer", self._read_settings, optimizer)

    def _read_settings(self, optimizer: Optimizer) -> None:
        group = optimizer.param_groups[0]
        momentum = group["betas"][0] if "betas" in group else group.get("momentum", 0.0)
        self.log(lr=group["lr"], momentum=momentum)

    def _try(self, probe: str, action: Callable[..., None], *arguments: Any) -> None:
        """Run a measurement so that its failure costs the measurement, not the training."""
        if probe in self._off:
            return
        try:
            action(*arguments)
        except Exception as error:  # noqa: BLE001 - see above
            self._off.add(probe)
            _log.warning("backsight: measuring %s failed and is switched off: %r", probe, error)
