"""What a reader of recurrent layers is: told what a model does, it gives gradient profiles."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from torch import Tensor, nn
from torch.autograd.graph import GradientEdge
from torch.nn.utils.rnn import PackedSequence

from backsight.errors import SettingError
from backsight.layers import LayerAdapter
from backsight.probes._deep import LayerRun
from backsight.probes._memory import MemoryProfile
from backsight.probes._profile import GradientProfile
from backsight.probes._readout import Readout
from backsight.probes._tensors import tensors_in
from backsight.probes._unmeasured import Unmeasured, UnmeasuredCause

__all__ = [
    "HiddenNorms",
    "LayerReader",
    "Memories",
    "ReaderSettings",
    "Readings",
    "register_reader",
    "registered_readers",
]


@dataclass(frozen=True, slots=True)
class HiddenNorms:
    """Norms of the hidden states of one layer in one call, on the layer's device.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import hidden_norms
        >>> norms = hidden_norms("rnn", nn.RNN(3, 4), torch.ones(6, 2, 4))["rnn.l0"]
        >>> norms.profile.tolist(), norms.maximum.item(), norms.states
        ([2.0, 2.0, 2.0, 2.0, 2.0, 2.0], 2.0, 12)
    """

    profile: Tensor | None
    """Shape ``(T,)``: mean over sequences of ``‖h_t‖``; None where it was not asked for."""
    total: Tensor
    """Scalar: the sum over steps and sequences."""
    maximum: Tensor
    """Scalar: the largest; NaN as soon as one state is NaN."""
    states: int
    """How many states were measured: steps times sequences, padding left out."""

    @property
    def mean(self) -> Tensor:
        """Scalar: mean over steps and sequences."""
        return self.total / self.states


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """How layers are to be read.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import Readers, ReaderSettings
        >>> readers = Readers(ReaderSettings(sequences=4))
        >>> type(readers.adopt("rnn", nn.RNN(3, 4))).__name__
        'FusedReader'
    """

    sequences: int | None = None
    """Sequences of a batch that are followed through fused layers, evenly spaced; None for all, 0
    for 8 or a quarter of the batch, if that is less, but at least two. The longest of a packed
    batch is added."""
    force: bool = False
    """Follow also what is frozen, on plain inputs, so that its outputs need no gradient."""
    layout: Literal["auto", "batch", "time"] = "auto"
    """Of embedded inputs: ``(B, T, …)`` or ``(T, B, …)``; ``auto`` finds it."""
    deep: bool = False
    """Whether :meth:`LayerReader.layer_runs` is asked for, and no memory."""


@dataclass(slots=True)
class Readings:
    """What one pass gave. An error in one layer leaves the others' profiles as they are.

    Example:
        >>> from backsight.probes import Readings
        >>> fused = Readings()
        >>> fused.add(Readings(errors={"cell": ValueError("no state")}, arrived=True))
        >>> list(fused.errors), fused.arrived
        (['cell'], True)
    """

    profiles: dict[str, GradientProfile] = field(default_factory=dict)
    """By layer name."""
    errors: dict[str, Exception] = field(default_factory=dict)
    """By the path of the module whose reading failed."""
    arrived: bool = False
    """Whether a gradient arrived at any layer: else it was another model's loss."""

    def add(self, other: "Readings") -> None:
        """Those of another reader."""
        self.profiles |= other.profiles
        self.errors |= other.errors
        self.arrived = self.arrived or other.arrived


@dataclass(slots=True)
class Memories:
    """What running layers again gave. An error in one leaves the others' profiles as they are.

    Example:
        >>> from backsight.probes import Memories
        >>> found = Memories()
        >>> found.add(Memories(errors={"cell": ValueError("no state")}))
        >>> list(found.errors), found.profiles
        (['cell'], {})
    """

    profiles: dict[str, MemoryProfile] = field(default_factory=dict)
    """By layer name, as in :class:`Readings`."""
    errors: dict[str, Exception] = field(default_factory=dict)
    """By the path of the module that could not be run again."""

    def add(self, other: "Memories") -> None:
        """Those of another reader."""
        self.profiles |= other.profiles
        self.errors |= other.errors


class LayerReader(ABC):
    """Reads the layers of one ``reading`` while its owner tells it what happens.

    The owner watches the modules' calls, and tells in an iteration::

        before      a module is about to run         (where needs_before)
        called      it has run
        graph_whole backward is about to be called on some roots
        backward_begins   … and every reader has been asked for what needs the graph whole
        backward_ended    every gradient is in

    Raises:
        Exception: ``before`` and ``called`` may raise whatever goes wrong with that module: its
            owner then tells :meth:`ignore`. What goes wrong in a pass comes back in the readings.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import LayerReader, Readers
        >>> reader = Readers().adopt("cell", nn.GRUCell(3, 4))
        >>> isinstance(reader, LayerReader), reader.has_time("cell"), reader.needs_before
        (True, True, False)
    """

    needs_before: ClassVar[bool] = False
    """Whether it wants to be told before a module runs."""

    def __init__(self, settings: ReaderSettings) -> None:
        self.settings = settings
        self.armed = True
        """Whether calls are kept for a measurement."""
        self.remembers = False
        """Whether :meth:`memories` will be asked for in this iteration, so that what it needs is
        kept."""
        self.readout: Readout | None = None
        """What may lie between a state and the loss of the pass, where that is asked."""
        self.unmeasured: dict[str, Unmeasured] = {}
        """By path, why what was found has no profile, as of the last sample that told."""
        self._ignored: set[str] = set()
        self._adapters: dict[str, LayerAdapter] = {}

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """Layers that have been caught and will be measured, if a gradient arrives."""

    @property
    def live(self) -> list[GradientEdge]:
        """With ``force``: what a gradient may be asked of, for all to be measured."""
        return []

    @property
    def needs_graph(self) -> bool:
        """Whether :meth:`graph_whole` has something to do."""
        return False

    def adopt(self, path: str, adapter: LayerAdapter | None) -> None:
        """There is a module at that path that it is to read.

        Args:
            path: the module's.
            adapter: None where the module is of no registered kind.
        """
        if adapter is not None:
            self._adapters[path] = adapter

    def ignore(self, path: str) -> None:
        """Leave the module at that path alone from now on."""
        self._ignored.add(path)

    def leave_out(
        self, cause: UnmeasuredCause, path: str, count: int = 0, limit: int = 0, other: str = ""
    ) -> None:
        """There is something at that path that has no profile in this sample."""
        self.unmeasured[path] = Unmeasured(cause, path, count, limit, other)

    # -- events of a sampled iteration ---------------------------------------------------------

    def begin(self, armed: bool) -> None:
        """A new iteration, of which nothing is kept unless it is a sampled one."""
        self.forget()
        self.armed = armed
        self.remembers = False
        self.readout = None

    def before(  # noqa: B027 - most have nothing to do
        self, path: str, module: nn.Module, args: Any, kwargs: Any
    ) -> None:
        """A module is about to run."""

    @abstractmethod
    def called(self, path: str, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        """A module has run."""

    def graph_whole(
        self,
        roots: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        scale: Tensor | None = None,
    ) -> Readings:
        """What can only be measured while the caller's graph is whole.

        Args:
            roots: what backward is about to be called on.
            gradients: with these gradients.
            scale: what the loss was multiplied by (AMP): divided out.
        """
        return Readings()

    def backward_begins(self, roots: Sequence[Tensor]) -> None:  # noqa: B027 - likewise
        """The gradients that come now are the caller's own, of these ``roots``."""

    def backward_ended(self, scale: Tensor | None = None) -> Readings:
        """What the caller's own gradients tell; ``scale`` as of :meth:`graph_whole`."""
        return Readings()

    def remember(self) -> None:
        """:meth:`memories` will be asked for in this iteration."""
        self.remembers = True

    def memories(self) -> Memories:
        """How much of the states of each layer depends on what lies further back, of the pass that
        has been measured; nothing of layers that cannot be run again."""
        return Memories()

    def layer_runs(self, errors: dict[str, Exception]) -> dict[str, LayerRun]:
        """By layer name, what it takes to run layers again from state to state, of the pass that
        has been measured; nothing of layers that cannot be. :meth:`remember` was called before.

        Args:
            errors: where what goes wrong is put, by the path of the module.
        """
        return {}

    def finish(self) -> None:  # noqa: B027 - likewise
        """A pass has been measured: the rest of the iteration is left alone."""

    @abstractmethod
    def forget(self) -> None:
        """The step is over: nothing of its graph is kept."""

    # -- of every call, sampled or not ---------------------------------------------------------

    @property
    def shows_states(self) -> bool:
        """Whether :meth:`states` ever gives any."""
        return type(self).states is not LayerReader.states

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
        """Norms of the states that a call shows, by layer name; nothing where they need a sample.

        Args:
            adapter: the module's.
            path: the module's.
            module: which has run.
            args: given these,
            kwargs: and these by name.
            result: what it returned.
            profile: whether to give the norms by step as well.
        """
        return {}

    def ends_finite(self, result: Any) -> bool:
        """Whether the last states of a call are known to be finite, by a look that costs little.

        What is not finite is nearly always carried on to them.

        Args:
            result: what the module returned.
        """
        return False

    def input_of(self, args: Any, kwargs: Any) -> Tensor | PackedSequence:
        """What of a call's arguments is the input."""
        if args:
            return args[0]  # type: ignore[no-any-return]
        return kwargs.get("input", next(iter(kwargs.values())))  # type: ignore[no-any-return]

    def extent(
        self, module: nn.Module, args: Any, kwargs: Any, result: Any
    ) -> tuple[int, int] | None:
        """Steps and sequence elements of a call; None of an empty one."""
        first = result[0] if type(result) is tuple and result else result
        known = issubclass(type(first), Tensor)  # its class may lie about itself
        state = first if known else next(tensors_in(result), None)
        if state is None:
            return None
        return 1, state.shape[0] if state.dim() > 1 else 1

    def has_time(self, path: str) -> bool:
        """Whether calls of that module are known to be sequences, or steps of one."""
        return path in self._adapters


_registered: dict[str, type[LayerReader]] = {}


def register_reader(reading: str, reader: type[LayerReader]) -> None:
    """Make known who reads the layers whose adapter names that reading.

    Raises:
        SettingError: another reader is registered for it.

    Example:
        >>> from backsight.errors import SettingError
        >>> from backsight.probes import SteppedReader, register_reader
        >>> class OwnReader(SteppedReader):
        ...     pass
        >>> register_reader("own", OwnReader)
        >>> try:
        ...     register_reader("stepped", OwnReader)
        ... except SettingError:
        ...     print("SteppedReader reads these")
        SteppedReader reads these
    """
    known = _registered.setdefault(reading, reader)
    if known is not reader:
        raise SettingError(
            f"the reading {reading!r} is already registered by {known.__qualname__}: choose "
            "another name"
        )


def registered_readers() -> dict[str, type[LayerReader]]:
    """By reading."""
    return dict(_registered)
