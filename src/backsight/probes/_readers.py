"""All readers of one model's layers together: which module is whose, and in which order they read.

What an iteration's owner tells goes to the reader of the module in question. Before a backward pass
the readers that need the caller's graph whole ask autograd for what they want, and only then are
the gradients of the pass itself the ones to be measured.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge

from backsight.errors import SettingError
from backsight.layers import LayerAdapter, adapter_of
from backsight.probes._decays import DecayReader
from backsight.probes._deep import LayerRun
from backsight.probes._reader import (
    LayerReader,
    Memories,
    ReaderSettings,
    Readings,
    register_reader,
    registered_readers,
)
from backsight.probes._readout import readout_of
from backsight.probes._unmeasured import Unmeasured
from backsight.probes.fused import FusedReader
from backsight.probes.inputs import InputReader
from backsight.probes.loops import LoopReader
from backsight.probes.scanned import ScanReader
from backsight.probes.stepped import SteppedReader, may_be_stepped

__all__ = ["Readers", "reading_of"]

ELSEWHERE = ("changed on its way", "graph too large")
"""Causes that are none where a loop in the graph, or an embedded input, is measured."""

register_reader("stepped", SteppedReader)
register_reader("fused", FusedReader)
register_reader("scanned", ScanReader)


def reading_of(module: nn.Module) -> str | None:
    """Which reader reads ``module``: by its kind, or as the user's own; None for all others.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import reading_of
        >>> [reading_of(module) for module in (nn.LSTM(3, 4), nn.LSTMCell(3, 4), nn.Linear(3, 4))]
        ['fused', 'stepped', None]
    """
    adapter = adapter_of(module)
    if adapter is not None:
        return adapter.reading
    return "stepped" if may_be_stepped(module) else None


class Readers:
    """One reader a reading, one of loops in the graph, of embedded inputs and of gates.

    The readers of modules come first: what they have found is not looked for in the graph, and
    the embedded input is measured where there is neither.

    Args:
        settings: how layers are to be read.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import Readers
        >>> rnn, x, readers = nn.RNN(3, 4), torch.randn(6, 2, 3), Readers()
        >>> _ = readers.adopt("rnn", rnn)
        >>> readers.begin(armed=True)
        >>> readers.before("rnn", rnn, (x,), {})
        >>> result = rnn(x)
        >>> readers.called("rnn", rnn, (x,), {}, result)
        >>> loss = result[0][-1].sum()
        >>> before = readers.graph_whole((loss,), (None,))
        >>> loss.backward()
        >>> list(readers.backward_ended().profiles)
        ['rnn.l0']
    """

    def __init__(self, settings: ReaderSettings | None = None) -> None:
        settings = settings or ReaderSettings()
        self.by_reading: dict[str, LayerReader] = {
            reading: kind(settings) for reading, kind in registered_readers().items()
        }
        self.loops = LoopReader(settings)
        self.inputs = InputReader(settings)
        self.decays = DecayReader()
        self._by_path: dict[str, LayerReader] = {}
        self._inputs_read = False
        self._arrived = False

    # -- whom to tell of what ------------------------------------------------------------------

    def adopt(self, path: str, module: nn.Module) -> LayerReader | None:
        """The reader that is to be told of ``module``; None where none reads it.

        Raises:
            SettingError: its kind names a reading that no reader is registered for.
        """
        reading = reading_of(module)
        if reading is None:
            return None
        adapter = adapter_of(module)
        if reading not in self.by_reading:
            kind = "" if adapter is None else adapter.kind
            raise SettingError(
                f"the layer kind {kind!r} has the reading {reading!r}, for which no reader is "
                f"registered: the registered ones are {', '.join(self.by_reading)}"
            )
        reader = self.by_reading[reading]
        self._add(path, reader, adapter)
        return reader

    def adopt_input(self, path: str) -> None:
        """There is an embedded input under that path among the readings."""
        self._by_path[path] = self.inputs

    def _add(self, path: str, reader: LayerReader, adapter: LayerAdapter | None) -> None:
        self._by_path[path] = reader
        reader.adopt(path, adapter)

    def __getitem__(self, path: str) -> LayerReader:
        """Who reads the module at that path, which was adopted."""
        return self._by_path[path]

    def __contains__(self, path: str) -> bool:
        """Whether there is a module at that path, which was adopted."""
        return path in self._by_path

    def ignore(self, path: str) -> None:
        """Leave the module at that path alone from now on."""
        self._by_path[path].ignore(path)

    def has_time(self, path: str) -> bool:
        """Whether calls of the module at that path are known to be sequences, or steps of one."""
        return self._by_path[path].has_time(path)

    # -- events of a sampled iteration ---------------------------------------------------------

    @property
    def armed(self) -> bool:
        """Whether calls are still kept for a measurement."""
        return any(reader.armed for reader in self._all)

    def begin(self, armed: bool) -> None:
        """A new iteration, of which nothing is kept unless it is a sampled one."""
        for reader in self._all:
            reader.begin(armed)
        self.decays.begin(armed)

    def before(self, path: str, module: nn.Module, args: Any, kwargs: Any) -> None:
        """The module is about to run."""
        self._by_path[path].before(path, module, args, kwargs)

    def called(self, path: str, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        """The module has run."""
        self._by_path[path].called(path, module, args, kwargs, result)

    def graph_whole(
        self,
        roots: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        scale: Tensor | None = None,
    ) -> Readings:
        """What can only be measured while the graph is whole, in the first pass that reaches it.

        Random numbers that a hook of the caller's draws on the way are put back.

        Args:
            roots: what backward is about to be called on.
            gradients: with these gradients.
            scale: what the loss was multiplied by (AMP): divided out.
        """
        found = Readings()
        for path in self.inputs.layers():
            if path in self._by_path and self._by_path[path] is not self.inputs:
                self.ignore(path)
                self.inputs.left_out.add(path)
        elsewhere = any(reader.names for reader in self.by_reading.values())
        self.loops.elsewhere = self.inputs.elsewhere = elsewhere
        self._look_behind(roots)
        asking = [reader for reader in self._all if reader.needs_graph]
        if asking:
            device = roots[0].device
            others = [] if device.type == "cpu" else [device]
            with torch.random.fork_rng(others, device_type=device.type if others else "cuda"):
                for reader in asking:
                    read = reader.graph_whole(roots, gradients, scale)
                    found.add(read)
                    if reader is self.inputs:
                        self._inputs_read = self._inputs_read or read.arrived
                    if reader is self.loops:
                        self.inputs.elsewhere = elsewhere or self.loops.found
        if found.arrived:  # else it was another model's loss
            self._finish()
        for reader in self._all:
            reader.backward_begins(roots)
        self._arrived = found.arrived
        return found

    def backward_ended(self, scale: Tensor | None = None) -> Readings:
        """The gradients of the pass are in; ``scale`` as of :meth:`graph_whole`."""
        found = Readings()
        for reader in self._all:
            found.add(reader.backward_ended(scale))
        self._finish()
        self.decays.backward_ended(arrived=self._arrived or found.arrived)
        return found

    def remember(self) -> None:
        """:meth:`memories` will be asked for in this iteration."""
        for reader in self._all:
            reader.remember()

    def memories(self) -> Memories:
        """How much of the states of each layer depends on what lies further back.

        Of the pass whose gradients are in, while the parameters are as they were in it.
        """
        found = Memories()
        for reader in self._all:
            found.add(reader.memories())
        return found

    def layer_runs(self, errors: dict[str, Exception]) -> dict[str, LayerRun]:
        """What it takes to run layers again, as of :meth:`LayerReader.layer_runs`."""
        found: dict[str, LayerRun] = {}
        for reader in self._all:
            found |= reader.layer_runs(errors)
        return found

    def forget(self) -> None:
        """The step is over: nothing of its graph is kept."""
        for reader in self._all:
            reader.forget()

    @property
    def unmeasured(self) -> list[Unmeasured]:
        """Why what was found has no profile; nothing of what another reader has measured."""
        loops = self.loops.found or self._inputs_read
        found = [
            one
            for reader in self._all
            for one in reader.unmeasured.values()
            if not (loops and one.cause in ELSEWHERE)
        ]
        return found + list(self.decays.unmeasured.values())

    @property
    def names(self) -> list[str]:
        """Layers that have run and will be measured, if a gradient arrives."""
        return [name for reader in self._all for name in reader.names]

    @property
    def live(self) -> list[GradientEdge]:
        """With ``force``: what a gradient may be asked of, for all to be measured."""
        return [edge for reader in self._all for edge in reader.live]

    @property
    def _all(self) -> list[LayerReader]:
        return [*self.by_reading.values(), self.loops, self.inputs]

    def _look_behind(self, roots: Sequence[Tensor]) -> None:
        """What lies between states and the loss, for those that run layers again."""
        remembering = [reader for reader in self._all if reader.remembers]
        if not remembering:
            return
        try:
            readout = readout_of(roots)
        except Exception:  # noqa: BLE001 - then it is not known
            readout = None
        for reader in remembering:
            reader.readout = readout

    def _finish(self) -> None:
        for reader in self._all:
            reader.finish()
