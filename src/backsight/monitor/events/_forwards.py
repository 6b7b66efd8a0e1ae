"""The hooks on a model's modules, and which of them ran in an iteration, for how many steps."""

import weakref
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.utils.hooks import RemovableHandle

from backsight.layers import LayerAdapter, adapter_of
from backsight.monitor._iteration import LayerCall, Role
from backsight.probes import Hook, Readers

__all__ = ["Forwards"]

Extents = dict[bool, dict[str, list[tuple[int, int]]]]
"""By training mode and by path, steps and elements of each call."""


class Forwards:
    """Watches recurrent layers, cells and whatever may be called once a step.

    Args:
        observing: asked before each forward is looked at; by that it is told of it, too.
        begins: hears of a recurrent layer that is about to run.
        ended: hears of whatever has run.
        failed: hears of a layer whose steps could not be counted, once.
        readers: know which modules have a time axis.

    Example:
        >>> import torch
        >>> from backsight.monitor.events import Forwards
        >>> from backsight.probes import Readers
        >>> cell, calls = torch.nn.GRUCell(3, 4), []
        >>> forwards = Forwards(lambda: True, print, calls.append, print, Readers())
        >>> forwards.watch("cell", cell)
        >>> state = cell(torch.zeros(2, 3))
        >>> [call.path for call in calls], forwards.extent
        (['cell'], (1, 2))
    """

    def __init__(
        self,
        observing: Callable[[], bool | None],
        begins: Callable[[LayerCall], None],
        ended: Callable[[LayerCall], None],
        failed: Callable[[str, Exception], None],
        readers: Readers,
    ) -> None:
        self.layers: weakref.WeakValueDictionary[str, nn.Module] = weakref.WeakValueDictionary()
        """Recurrent layers and cells by path; the caller's to keep alive."""
        self.seen = False
        """Whether anything with a time axis has ever run."""
        self._watched: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self._observing = observing
        self._begins, self._ended, self._failed = begins, ended, failed
        self._uncounted: set[str] = set()
        self._readers = readers
        self._handles: list[RemovableHandle] = []
        self.begin()

    def begin(self) -> None:
        """A new iteration: nothing has run."""
        self._extents: Extents = {True: {}, False: {}}

    def watch(self, path: str, module: nn.Module) -> None:
        """Put hooks on ``module`` if it is of interest and has none yet."""
        if module in self._watched:
            return
        self._watched.add(module)
        reader = self._readers.adopt(path, module)
        if reader is None:
            return
        adapter = adapter_of(module)
        if adapter is not None:
            self.layers[path] = module
        if reader.needs_before:
            hook = reader.hook(module, self._on_begin(path, adapter))
            self._handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))
        role: Role = "module" if adapter is None else "layer"
        self._hook(module, self._on_end(path, role, adapter), reader.hook)

    def watch_input(self, path: str, embedding: nn.Module, model: nn.Module) -> None:
        """Watch what ``embedding`` gives, and what ``model`` returns for it."""
        name = self._readers.adopt_input(path)

        def returned(module: nn.Module, inputs: Any, named: Any, result: Any) -> None:
            self._ended(LayerCall(name, module, inputs, named, result, "model"))

        self._hook(embedding, self._on_end(name, "input", None), self._readers[name].hook)
        self._hook(model, returned)

    @property
    def training(self) -> bool:
        """Whether anything with a time axis has run in training mode in this iteration."""
        return any(map(self._readers.has_time, self._extents[True]))

    @property
    def extent(self) -> tuple[int, int]:
        """Steps unrolled in this iteration, and sequence elements processed.

        Calls of a single step are a loop over time; longer ones are windows or branches. Those in
        eval mode count only where there is none in training mode: else they were a validation's.
        """
        ran = self._extents[self.training]
        calls = [each for path, each in ran.items() if self._readers.has_time(path)]
        steps = (max(max(t for t, _ in each), sum(t == 1 for t, _ in each)) for each in calls)
        elements = (sum(count for _, count in each) for each in calls)
        return max(steps, default=0), max(elements, default=0)

    def close(self) -> None:
        """Take every hook off."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _hook(
        self, module: nn.Module, action: Callable[..., None], kind: type[Hook] = Hook
    ) -> None:
        handle = module.register_forward_hook(kind(module, action), with_kwargs=True)
        self._handles.append(handle)

    def _on_begin(
        self, path: str, adapter: LayerAdapter | None
    ) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, named: Any) -> None:
            if self._observing():
                self._begins(LayerCall(path, module, inputs, named, adapter=adapter))

        return hook

    def _on_end(
        self, path: str, role: Role, adapter: LayerAdapter | None
    ) -> Callable[[nn.Module, Any, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, named: Any, result: Any) -> None:
            if not self._observing():
                return
            self._count(path, module, inputs, named, result)
            self._ended(LayerCall(path, module, inputs, named, result, role, adapter))
            self.seen = self.seen or self._readers.has_time(path)

        return hook

    def _count(self, path: str, module: nn.Module, inputs: Any, named: Any, result: Any) -> None:
        if path in self._uncounted:
            return
        try:
            extent = self._readers[path].extent(module, inputs, named, result)
        except Exception as error:  # noqa: BLE001 - must not reach the forward that was called
            self._uncounted.add(path)
            self._failed(path, error)
        else:
            if extent is not None:
                self._extents[module.training].setdefault(path, []).append(extent)
