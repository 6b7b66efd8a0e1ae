"""Reads the reach of any sequence model on what one of its modules makes of the input."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from backsight.probes._autograd import gradients_of
from backsight.probes._reader import LayerReader, ReaderSettings, Readings
from backsight.probes._tensors import tensors_in
from backsight.probes.inputs._embedded import input_profile

__all__ = ["InputReader"]


class InputReader(LayerReader):
    """Of modules that are named: its paths are ``input:`` and the module's own.

    Example:
        >>> from backsight.probes import InputReader, Readers
        >>> readers = Readers()
        >>> readers.adopt_input("embedding")
        'input:embedding'
        >>> isinstance(readers.inputs, InputReader), readers.has_time("input:embedding")
        (True, True)
    """

    def __init__(self, settings: ReaderSettings) -> None:
        super().__init__(settings)
        self._inputs: dict[str, Tensor] = {}
        self._results: list[Tensor] = []

    @property
    def names(self) -> list[str]:
        """Of what has run."""
        return list(self._inputs)

    @property
    def needs_graph(self) -> bool:
        """Whether anything was caught."""
        return bool(self._inputs)

    def has_time(self, path: str) -> bool:
        """Its axis of steps is what it was named for."""
        return True

    def extent(
        self, module: nn.Module, args: Any, kwargs: Any, result: Any
    ) -> tuple[int, int] | None:
        """Of an output ``(B, T, …)``, or ``(T, B, …)``."""
        found = next(tensors_in(result), None)
        if found is None or found.dim() < 2:
            return None
        return found.shape[1 if self.settings.batch_first else 0], found.shape[0] * found.shape[1]

    def called(self, path: str, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        """The module that embeds the input has run."""
        found = next(tensors_in(result), None)
        if not self.armed or found is None or path in self._ignored:
            return
        if self.settings.force and not found.requires_grad:
            found.requires_grad_()
        if found.requires_grad:
            self._inputs[path] = found

    def returned(self, result: Any) -> None:
        """The whole model has run."""
        if self.armed and self._inputs:
            self._results = [t for t in tensors_in(result) if t.requires_grad]

    def graph_whole(
        self,
        roots: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        scale: Tensor | None = None,
    ) -> Readings:
        """A profile of each input."""
        factor = 1.0 if scale is None else 1.0 / float(scale)
        found = Readings()
        for path, embedded in self._inputs.items():
            try:
                found.profiles |= input_profile(
                    path,
                    embedded,
                    self._results,
                    gradients_of,
                    roots,
                    gradients,
                    factor,
                    self.settings.batch_first,
                )
            except Exception as error:  # noqa: BLE001 - costs that input alone
                found.errors[path] = error
        found.arrived = any(p.outcome != "not enough data" for p in found.profiles.values())
        return found

    def finish(self) -> None:
        """A pass has been measured."""
        self.begin(False)

    def forget(self) -> None:
        """Let every graph go."""
        self._inputs, self._results = {}, []
