"""What a kind of recurrent layer tells of its modules."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from backsight.errors import SettingError

__all__ = ["CellStep", "LayerAdapter", "LayerWeights", "RecurrentMatrix"]


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
    has_decays: ClassVar[bool] = False
    """Whether, without such gates, each unit has a decay that :meth:`set_decays` can draw."""
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

    def set_decays(self, module: nn.Module, t_max: int) -> None:
        """Draw decays in place by which the units remember for some ``t_max`` steps.

        Called without a graph, and only where the kind :attr:`has_decays`.
        """

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
