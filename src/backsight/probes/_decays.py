"""Reads how fast gated linear recurrences forget, from the calls that run anyway."""

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from backsight.layers import DecayAdapter, decay_adapter_of
from backsight.probes._module_calls import After, Before
from backsight.probes._modules import named_modules
from backsight.probes._tensors import tensors_in
from backsight.probes._unmeasured import Unmeasured
from backsight.signals import StateHalfLives

__all__ = ["DecayReader"]


class _Attach(Protocol):
    def __call__(
        self, module: nn.Module, before: Before | None, after: After | None
    ) -> Callable[[], None]: ...


class DecayReader:
    """Of every layer of a model that a family of :data:`backsight.layers.DECAYS` recognises.

    While it is on, it is told of the calls of these layers, or of those of their parts that show
    the gates. Nothing is run again, and what is kept are means.

    Example:
        >>> import torch
        >>> from backsight.nn import build_cell
        >>> from backsight.probes import DecayReader, ModuleCalls
        >>> rnn, calls, reader = build_cell("lru", 3, 4), ModuleCalls(print), DecayReader()
        >>> def attach(module, before, after):
        ...     return calls.watch(module, before=before, after=after)
        >>> reader.watch(rnn, "", attach)
        True
        >>> states = rnn(torch.randn(2, 20, 3))
        >>> calls.close()
        >>> lives = reader.half_lives()["l0"]
        >>> len(lives.steps), lives.window
        (2, 20)
    """

    def __init__(self) -> None:
        self.armed = True
        """Whether calls are listened to."""
        self.errors: dict[str, Exception] = {}
        """By path, what went wrong in this iteration."""
        self.unmeasured: dict[str, Unmeasured] = {}
        """By path, layers that have run and shown no gates, as of the last sample that told."""
        self._layers: dict[str, _Layer] = {}
        self._stops: list[Callable[[], None]] = []

    def watch(self, model: nn.Module, name: str, attach: _Attach) -> bool:
        """Find the layers of ``model``; whether there is any.

        Args:
            model: the caller's; it is not kept alive.
            name: put before its paths.
            attach: watches the calls of a module; what it returns ends that.
        """
        found = False
        for path, module in named_modules(model):
            adapter = decay_adapter_of(module)
            if adapter is not None:
                whole = ".".join(filter(None, (name, path)))
                self._layers[whole] = layer = _Layer(adapter, weakref.ref(module), attach)
                found = True
                if self.armed:
                    self._listen(whole, layer)
        return found

    def ignore(self, path: str) -> None:
        """Leave the layer at that path alone from now on."""
        self._layers.pop(path, None)

    # -- events of a sampled iteration ---------------------------------------------------------

    def begin(self, armed: bool) -> None:
        """A new iteration, in which nothing is listened to unless it is a sampled one."""
        self.errors = {}
        if not self._layers:
            self.armed = armed
            return
        self._stop()
        self.armed = armed
        for path, layer in self._layers.items():
            layer.forget()
            if armed:
                self._listen(path, layer)

    def backward_ended(self, arrived: bool) -> None:
        """A pass is over; if it was one through this model, its forward was the one to read."""
        if arrived and any(layer.tallies for layer in self._layers.values()):
            self._stop()

    def half_lives(self) -> dict[str, StateHalfLives]:
        """By path, of the layers that have run."""
        found = {}
        for path, layer in self._layers.items():
            if path in self.errors or not layer.tallies:
                continue
            lives = layer.tallies[max(layer.tallies)].half_lives(layer.adapter)
            if lives is None:
                self.unmeasured[path] = Unmeasured("gates unseen", path)
            else:
                self.unmeasured.pop(path, None)
                found[path] = lives
        return found

    # -- calls ---------------------------------------------------------------------------------

    def _listen(self, path: str, layer: "_Layer") -> None:
        module = layer.module()
        if module is None:
            return
        shown = layer.adapter.shown_by(module)

        def ran(module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
            self._told(path, layer, lambda tally: tally.ran(args, kwargs))

        def showed(_: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
            whole = layer.module()
            if whole is not None:
                decays = layer.adapter.decays
                self._told(path, layer, lambda t: t.showed(decays(whole, args, kwargs, result)))

        self._stops += [layer.attach(shown, None, showed), layer.attach(module, None, ran)]

    def _told(self, path: str, layer: "_Layer", add: "Callable[[_Tally], None]") -> None:
        module = layer.module()
        if module is None or path in self.errors or path not in self._layers:
            return
        if not torch.is_grad_enabled() or torch._C._current_graph_task_id() != -1:
            return  # text that was sampled, or what runs again under checkpointing
        try:
            with torch.no_grad(), torch.autocast(_device_of(module), enabled=False):
                add(layer.tallies.setdefault(module.training, _Tally()))
        except Exception as error:  # noqa: BLE001 - told by the owner; must not reach the forward
            self.errors[path] = error

    def _stop(self) -> None:
        for stop in self._stops:
            stop()
        self._stops = []


@dataclass(eq=False)
class _Layer:
    """One layer, and what it has shown in this iteration."""

    adapter: DecayAdapter
    module: "weakref.ref[nn.Module]"
    attach: _Attach
    tallies: "dict[bool, _Tally]" = field(default_factory=dict)
    """By training mode: where there is any call in it, what ran in the other was a validation."""

    def forget(self) -> None:
        """A new iteration."""
        self.tallies = {}


class _Tally:
    """Means over the calls of one layer in one mode."""

    def __init__(self) -> None:
        self.count = 0
        """Transitions so far."""
        self.extents: list[int] = []
        """Steps of each call."""
        self._sum: Tensor | None = None

    def ran(self, args: Any, kwargs: Mapping[str, Any]) -> None:
        """The layer has run, on ``(…, T, features)``."""
        x = next(tensors_in((args, kwargs)), None)
        self.extents.append(x.shape[-2] if x is not None and x.dim() > 1 else 1)

    def showed(self, decays: Any) -> None:
        """Its gates are known."""
        mean = decays.mean() * decays.count
        if self._sum is not None and self._sum.shape != mean.shape:
            raise ValueError(f"it had {len(self._sum)} channels, and now {len(mean)}")
        self._sum = mean if self._sum is None else self._sum + mean
        self.count += decays.count

    def half_lives(self, adapter: DecayAdapter) -> StateHalfLives | None:
        """What they come to; None where no gates were shown."""
        if self._sum is None or not self.count:
            return None
        mean = (self._sum / self.count).cpu().double().numpy()
        # Calls of a single step are a loop over time; longer ones are windows or branches.
        single = all(steps == 1 for steps in self.extents)
        window = len(self.extents) if single else max(self.extents, default=1)
        return StateHalfLives.of(mean, window, adapter.bound, adapter.kind)


def _device_of(module: nn.Module) -> str:
    for part in (module, *module._modules.values()):
        for one in () if part is None else part._parameters.values():
            if one is not None:
                return one.device.type
    return "cpu"
