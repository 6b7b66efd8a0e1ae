"""What can be chosen, by name; apart from the code so that ``--help`` needs no torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

__all__ = ["CELLS", "CELL_HELP", "INIT_NEEDS", "Cell", "CellChoice", "Init"]


@dataclass(frozen=True, slots=True)
class CellChoice:
    """A recurrent cell of the lab: where it is built, and which settings hold for it.

    ``tests/test_layer_conformance.py`` builds each and sees that this is true.

    Example:
        >>> from backsight.nn import CELLS
        >>> [name for name, cell in CELLS.items() if cell.has_time_scales]
        ['gru', 'lstm', 'mingru', 'minlstm', 'lru']
        >>> CELLS["rnn-relu"].plain
        'relu'
    """

    title: str
    """As a page calls it."""
    about: str
    """What it is, in a few words for ``--help``."""
    builder: str
    """Module of ``nn/cells/`` and function: given inputs, hidden units, layers and dropout it
    makes a module that is called as ``rnn(x, state) -> (states, state)``, batch first."""
    plain: Literal["tanh", "relu"] | None = None
    """The nonlinearity of a plain RNN, ``h' = f(W x + U h + b)``; None for every other recurrence.
    The guard's omega has a form for them."""
    scanned: bool = False
    """Whether the states are a linear recurrence, which is run over all steps at once."""
    has_matrix: bool = True
    """Whether there is a recurrent matrix, which ``init`` draws and ``gain`` scales."""
    has_time_scales: bool = False
    """Whether ``chrono`` can set how long each unit remembers: by biases of gates, or by decays."""
    normalised: bool = False
    """Whether a norm takes off what the recurrent matrix's scale would do."""
    least_hidden: int = 1
    """Units that it needs at least."""
    hidden_multiple: int = 1
    """What the number of units is a multiple of."""

    @property
    def batched(self) -> bool:
        """Whether many networks with it run as one batch (``ManyModels``)."""
        return self.plain is not None or self.scanned


CELLS = {
    "rnn": CellChoice("Vanilla RNN (tanh)", "tanh", "_rnn:build_tanh", plain="tanh"),
    "rnn-relu": CellChoice("Vanilla RNN (ReLU)", "ReLU", "_rnn:build_relu", plain="relu"),
    "gru": CellChoice("GRU", "gated recurrent unit", "_gru:build", has_time_scales=True),
    "lstm": CellChoice("LSTM", "long short-term memory", "_lstm:build", has_time_scales=True),
    "rnn-norm": CellChoice(
        "Layer-normalised RNN", "tanh with layer normalisation", "_rnn_norm:build",
        normalised=True, least_hidden=2,
    ),
    "mingru": CellChoice(
        "minGRU", "a GRU whose gate depends on the input alone", "_mingru:build", scanned=True,
        has_time_scales=True, has_matrix=False,
    ),
    "minlstm": CellChoice(
        "minLSTM", "an LSTM whose gates depend on the input alone", "_minlstm:build", scanned=True,
        has_time_scales=True, has_matrix=False,
    ),
    "lru": CellChoice(
        "LRU", "a linear recurrent unit with complex states", "_lru:build", scanned=True,
        has_time_scales=True, has_matrix=False, hidden_multiple=2, least_hidden=2,
    ),
}  # fmt: skip
"""By name, in the order in which they are offered."""

if TYPE_CHECKING:  # who checks types cannot look into the table
    Cell = str
else:
    Cell = Literal[tuple(CELLS)]

CELL_HELP = f"Recurrent cell: {', '.join(f'{n} ({c.about})' for n, c in CELLS.items())}."
"""Of an option that takes one."""

Init = Literal["default", "orthogonal", "identity", "gaussian", "smart-tanh", "chrono"]

INIT_NEEDS: dict[Init, Literal["", "matrix", "time scales"]] = {
    "default": "",
    "orthogonal": "matrix",
    "identity": "matrix",
    "gaussian": "matrix",
    "smart-tanh": "matrix",
    "chrono": "time scales",
}
"""What of a cell each initialisation draws."""
