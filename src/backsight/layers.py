"""The kinds of recurrent layers: how each is recognised, and where its parameters lie.

Everything that has to know what a layer is (its recurrent matrix, its gates, its name in a signal)
asks the registry here, so that a kind is described once. How the states of a kind are *read* is
its ``reading``, for which :mod:`backsight.probes` has a reader.

A kind of your own::

    class MyCells(LayerAdapter):
        kind, reading, module_type = "my cell", "stepped", MyCell

    register_layer(MyCells())
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from torch import Tensor, nn
from torch.nn.functional import linear

from backsight.errors import SettingError

__all__ = [
    "CellStep",
    "LayerAdapter",
    "LayerWeights",
    "RecurrentMatrix",
    "adapter_of",
    "register_layer",
    "registered_layers",
]


@dataclass(frozen=True, slots=True, eq=False)
class LayerWeights:
    """The parameters of one layer in one direction, rows stacked by gate.

    Shapes: ``G`` gates (1 where there is none), ``H`` units, ``P`` the size of the hidden state.

    Example:
        >>> from torch import nn
        >>> from backsight.layers import adapter_of
        >>> gru = nn.GRU(3, 4)
        >>> (layer,) = adapter_of(gru).layers(gru)
        >>> layer.suffix, tuple(layer.input.shape), tuple(layer.recurrent.shape)
        ('l0', (12, 3), (12, 4))
    """

    suffix: str
    """PyTorch's own: ``l0``, ``l1_reverse``; empty for a cell."""
    input: Tensor | None
    """``(G·H, I)``."""
    recurrent: Tensor | None
    """``(G·H, P)``; None for a diagonal recurrence."""
    recurrent_name: str
    """The attribute of the module that ``recurrent`` is."""
    biases: tuple[Tensor, ...]
    """``(G·H,)`` each; they are added up."""


@dataclass(frozen=True, slots=True, eq=False)
class RecurrentMatrix:
    """The part of one layer's ``W_hh`` through which the state makes the next one.

    The whole of an RNN's; of a GRU the rows of the new state, of an LSTM those of the candidate.
    Gates only weigh, with slopes of a quarter at the most.

    Example:
        >>> from torch import nn
        >>> from backsight.layers import adapter_of
        >>> gru = nn.GRU(3, 4)
        >>> (matrix,) = adapter_of(gru).recurrent_matrices(gru)
        >>> matrix.parameter_name, matrix.rows, tuple(matrix.weights.shape)
        ('weight_hh_l0', slice(8, 12, None), (4, 4))
    """

    suffix: str
    """As of :class:`LayerWeights`."""
    parameter_name: str
    """The attribute of the module that ``parameter`` is."""
    parameter: Tensor
    """``(G·H, P)``."""
    rows: slice

    @property
    def weights(self) -> Tensor:
        """``(H, P)``, without a graph; a view of the parameter."""
        return self.parameter.detach()[self.rows]


@dataclass(frozen=True, slots=True, eq=False)
class CellStep:
    """What a cell computes on the way from one state to the next.

    Shapes: ``N`` states, ``H`` units, ``P`` the size of the hidden state.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.layers import adapter_of
        >>> cell, x, h = nn.GRUCell(3, 4), torch.randn(2, 3), torch.zeros(2, 4)
        >>> step = adapter_of(cell).cell_step(cell, x, (h,))
        >>> list(step.gates), torch.allclose(step.state, cell(x, h), atol=1e-6)
        (['reset', 'update', 'new'], True)
    """

    gates: Mapping[str, Tensor]
    """By name, activations ``(N, H)``: between 0 and 1, and of the candidate between -1 and 1."""
    state: Tensor
    """``(N, P)``: the next hidden state. Gates that do not give the cell's own are dropped."""


class LayerAdapter:
    """One kind of recurrent layer. An adapter holds no state: one serves every module.

    The defaults fit a cell without gates or recurrent matrix.

    Example:
        >>> from torch import nn
        >>> from backsight.layers import adapter_of
        >>> lstm = nn.LSTM(3, 4, num_layers=2)
        >>> adapter = adapter_of(lstm)
        >>> adapter.kind, adapter.gates, adapter.candidate
        ('nn.LSTM', ('input', 'forget', 'cell', 'output'), 'cell')
        >>> adapter.layer_names("encoder", lstm)
        ('encoder.l0', 'encoder.l1')
    """

    kind: ClassVar[str]
    """Unique: ``nn.LSTM``."""
    reading: ClassVar[str]
    """Which reader of ``probes/`` measures it. ``fused``: a module of PyTorch's that runs all
    steps in one kernel. ``stepped``: called once a step as ``module(x, state)``; every tensor
    that it returns is a state. ``scanned``: as ``backsight.probes.Diagonal`` says."""
    module_type: ClassVar[type[nn.Module]]
    """The class of its modules; subclasses are recognised as well."""
    gates: ClassVar[tuple[str, ...]] = ()
    """In the order of the rows of the weights."""
    candidate: ClassVar[str] = ""
    """Which of the gates is no weight between 0 and 1, but what the new state is made from."""
    memory_gates: ClassVar[Mapping[str, int]] = {}
    """Gates that decide how long a unit remembers, and the sign of a bias of theirs that makes it
    remember longer: what the chrono initialisation sets."""
    has_cell_state: ClassVar[bool] = False
    """Whether a second state ``c`` goes with ``h``."""
    begins_at_zero: ClassVar[bool] = False  # where it is called without a state

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        strangers = {cls.candidate, *cls.memory_gates} - {*cls.gates, ""}
        if strangers:
            raise SettingError(
                f"{cls.__name__} has the gates {', '.join(cls.gates) or 'none'}, but also names "
                f"{', '.join(sorted(strangers))}: use only names from its gates"
            )

    def recognises(self, module: nn.Module) -> bool:
        """Whether ``module`` is of this kind."""
        return issubclass(type(module), self.module_type)

    def layers(self, module: nn.Module) -> tuple[LayerWeights, ...]:
        """Every layer and direction in the module's own order; nothing where that is not known."""
        return ()

    def bounded(self, module: nn.Module) -> bool:
        """Whether every element of the state is known to stay within ±1."""
        return False

    def cell_step(self, module: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> CellStep | None:
        """The gates of a cell, from what it was called with; None where they are not known.

        Args:
            module: a cell of this kind.
            x: ``(N, I)``, without a graph.
            state: ``(N, P)`` each, as the cell takes them; nothing where it was called without.
        """
        return None

    def recurrent_matrices(self, module: nn.Module) -> tuple[RecurrentMatrix, ...]:
        """One a layer and direction; none of a diagonal recurrence."""
        found = []
        for layer in self.layers(module):
            if layer.recurrent is not None:
                rows = slice(None)
                if self.candidate:
                    units = len(layer.recurrent) // len(self.gates)
                    place = self.gates.index(self.candidate)
                    rows = slice(place * units, (place + 1) * units)
                found.append(
                    RecurrentMatrix(layer.suffix, layer.recurrent_name, layer.recurrent, rows)
                )
        return tuple(found)

    def layer_names(self, path: str, module: nn.Module) -> tuple[str, ...]:
        """What its signals are named after: ``rnn.l0``, ``rnn.l0_reverse``; a cell's path.

        Args:
            path: the module's.
            module: of this kind.
        """
        suffixes = [layer.suffix for layer in self.layers(module)] or [""]
        return tuple(".".join(filter(None, (path, suffix))) for suffix in suffixes)


_log = logging.getLogger("backsight")

_registered: dict[str, LayerAdapter] = {}


def register_layer(adapter: LayerAdapter) -> None:
    """Make a kind of layer known.

    Where several kinds recognise a module, the one with the most specific ``module_type`` has it,
    and of equals the one that was registered last.

    Raises:
        SettingError: another class has registered that kind, or it says not what it is.

    Example:
        >>> from torch import nn
        >>> from backsight import LayerAdapter, register_layer
        >>> from backsight.layers import adapter_of
        >>> class Leaky(nn.RNNCell):
        ...     pass
        >>> class LeakyCells(LayerAdapter):
        ...     kind, reading, module_type = "leaky", "stepped", Leaky
        >>> register_layer(LeakyCells())
        >>> adapter_of(Leaky(3, 4)).kind
        'leaky'
    """
    if isinstance(adapter, type):
        raise SettingError(
            f"register_layer expects an object, but {adapter.__name__} is a class: write "
            f"{adapter.__name__}()"
        )
    for name in ("kind", "reading", "module_type"):
        if not hasattr(adapter, name):
            raise SettingError(
                f"{type(adapter).__name__} has no {name}: every LayerAdapter must define it"
            )
    if not (isinstance(adapter.module_type, type) and issubclass(adapter.module_type, nn.Module)):
        raise SettingError(
            f"{type(adapter).__name__}.module_type must be a subclass of nn.Module, not "
            f"{adapter.module_type!r}"
        )
    known = _registered.get(adapter.kind)
    if known is not None and _origin(known) != _origin(adapter):  # a notebook's cell runs again
        raise SettingError(
            f"the layer kind {adapter.kind!r} is already registered by "
            f"{'.'.join(_origin(known))}: choose another name"
        )
    _registered.pop(adapter.kind, None)  # it is the last one now
    _registered[adapter.kind] = adapter


def adapter_of(module: nn.Module) -> LayerAdapter | None:
    """The most specific kind that recognises ``module``; None where none does.

    A kind that fails in it is forgotten, and told: it is asked of every module of every model.

    Example:
        >>> from torch import nn
        >>> from backsight.layers import adapter_of
        >>> adapter_of(nn.GRU(3, 4)).kind
        'nn.GRU'
        >>> print(adapter_of(nn.Linear(3, 4)))
        None
    """
    found = [adapter for adapter in reversed(registered_layers()) if _recognises(adapter, module)]
    if len(found) < 2:
        return found[0] if found else None
    bases = type(module).__mro__
    return min(
        found,
        key=lambda a: bases.index(a.module_type) if a.module_type in bases else len(bases),
    )


def registered_layers() -> tuple[LayerAdapter, ...]:
    """Every kind there is.

    Example:
        >>> from backsight.layers import registered_layers
        >>> [adapter.kind for adapter in registered_layers()][:3]
        ['nn.RNN', 'nn.GRU', 'nn.LSTM']
    """
    return tuple(_registered.values())


def _recognises(adapter: LayerAdapter, module: nn.Module) -> bool:
    try:
        return adapter.recognises(module)
    except Exception as error:  # noqa: BLE001 - must not reach the training
        _registered.pop(adapter.kind, None)
        _log.warning(
            "backsight: the layer kind %s failed to recognise a %s and is switched off: %r",
            adapter.kind, type(module).__name__, error,
        )  # fmt: skip
        return False


def _origin(adapter: LayerAdapter) -> tuple[str, str]:
    return type(adapter).__module__, type(adapter).__qualname__


class _Plain(LayerAdapter):
    """``h' = tanh(a)`` or ``relu(a)``."""

    def bounded(self, module: nn.Module) -> bool:
        """With tanh."""
        return getattr(module, "nonlinearity", "tanh") == "tanh"


class _GRU(LayerAdapter):
    """``h' = (1-z) n + z h``: z weighs the old state."""

    gates = ("reset", "update", "new")
    candidate = "new"
    memory_gates: ClassVar[Mapping[str, int]] = {"update": 1}

    def bounded(self, module: nn.Module) -> bool:
        """A mean of values that are."""
        return True


class _LSTM(LayerAdapter):
    """``c' = f c + i g, h' = o tanh(c')``, projected where there is a projection."""

    gates = ("input", "forget", "cell", "output")
    candidate = "cell"
    memory_gates: ClassVar[Mapping[str, int]] = {"input": -1, "forget": 1}
    has_cell_state = True

    def bounded(self, module: nn.Module) -> bool:
        """Without a projection."""
        return not getattr(module, "proj_size", 0)


class _Fused(LayerAdapter):
    """A module of PyTorch's that runs a stack of layers, each in one or two directions."""

    reading = "fused"
    module_type = nn.RNNBase
    modes: ClassVar[tuple[str, ...]]

    def recognises(self, module: nn.Module) -> bool:
        """By its mode: whoever derives from ``nn.RNNBase`` itself names one."""
        return issubclass(type(module), nn.RNNBase) and vars(module).get("mode") in self.modes

    def layers(self, module: nn.Module) -> tuple[LayerWeights, ...]:
        """The lowest layer first, forward before reverse."""
        module = cast(nn.RNNBase, module)
        # Where a parametrization computes a weight, to get the attribute would compute it again
        # and might change its buffers: what the kernel was given last lies among the flat ones.
        flat = dict(zip(module._flat_weights_names, module._flat_weights, strict=True))

        def weight(name: str) -> Tensor | None:
            own = module._parameters.get(name)
            return flat.get(name) if own is None else own

        ends = ("", "_reverse") if module.bidirectional else ("",)
        return tuple(
            _weights(weight, f"l{number}{end}")
            for number in range(module.num_layers)
            for end in ends
        )


class _Cell(LayerAdapter):
    """A cell of PyTorch's: one layer, one step."""

    reading, begins_at_zero = "stepped", True
    _step: Callable[..., CellStep]  # from pre-activations (N, G·H), by input and by state

    def layers(self, module: nn.Module) -> tuple[LayerWeights, ...]:
        """Itself; without a weight that a parametrization computes, as that may change buffers."""
        held = {**vars(module), **module._parameters}
        return (_weights(held.get, ""),)

    def cell_step(self, module: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> CellStep | None:
        """From its weights, where they have the shapes of PyTorch's."""
        (weights,) = self.layers(module)
        w_ih, w_hh = weights.input, weights.recurrent
        if w_ih is None or w_hh is None or not self.gates:
            return None
        (rows, units), count = w_hh.shape, 2 if self.has_cell_state else 1
        before = [s.to(w_ih.dtype) for s in state] or [w_ih.new_zeros(len(x), units)] * count
        fits = rows == len(self.gates) * units and w_ih.shape == (rows, x.shape[-1])
        if not fits or [s.shape[-1] for s in before] != [units] * count:
            return None
        own, recurrent = linear(x.to(w_ih.dtype), w_ih.detach()), linear(before[0], w_hh.detach())
        if weights.biases:
            own, recurrent = own + weights.biases[0], recurrent + weights.biases[-1]
        return self._step(own, recurrent, before)


def _weights(weight: Any, suffix: str) -> LayerWeights:
    """By PyTorch's names."""
    end = f"_{suffix}" if suffix else ""
    biases = (weight(f"bias_{which}{end}") for which in ("ih", "hh"))
    return LayerWeights(
        suffix=suffix,
        input=weight(f"weight_ih{end}"),
        recurrent=weight(f"weight_hh{end}"),
        recurrent_name=f"weight_hh{end}",
        biases=tuple(bias for bias in biases if bias is not None),
    )


class _RNNLayers(_Fused, _Plain):
    kind = "nn.RNN"
    modes = ("RNN_TANH", "RNN_RELU")


class _GRULayers(_Fused, _GRU):
    kind = "nn.GRU"
    modes = ("GRU",)


class _LSTMLayers(_Fused, _LSTM):
    kind = "nn.LSTM"
    modes = ("LSTM",)


class _RNNCells(_Cell, _Plain):
    """``nn.RNNCell``, and whatever else derives from PyTorch's base of all cells."""

    kind = "nn.RNNCell"
    module_type = nn.RNNCellBase


class _GRUCells(_Cell, _GRU):
    kind = "nn.GRUCell"
    module_type = nn.GRUCell

    def _step(self, own: Tensor, recurrent: Tensor, before: list[Tensor]) -> CellStep:
        """``n = tanh(own + r recurrent)``."""
        (own_r, own_z, own_n), (rec_r, rec_z, rec_n) = own.chunk(3, -1), recurrent.chunk(3, -1)
        r, z = (own_r + rec_r).sigmoid(), (own_z + rec_z).sigmoid()
        n = (own_n + r * rec_n).tanh()
        return CellStep({"reset": r, "update": z, "new": n}, n + z * (before[0] - n))


class _LSTMCells(_Cell, _LSTM):
    kind = "nn.LSTMCell"
    module_type = nn.LSTMCell

    def _step(self, own: Tensor, recurrent: Tensor, before: list[Tensor]) -> CellStep:
        """All gates of one sum."""
        a = dict(zip(self.gates, (own + recurrent).chunk(4, -1), strict=True))
        a = {gate: x.tanh() if gate == self.candidate else x.sigmoid() for gate, x in a.items()}
        return CellStep(a, a["output"] * (a["forget"] * before[1] + a["input"] * a["cell"]).tanh())


for _adapter in (
    _RNNLayers(), _GRULayers(), _LSTMLayers(), _RNNCells(), _GRUCells(), _LSTMCells(),
):  # fmt: skip
    register_layer(_adapter)
