"""The kinds of recurrent layers: how each is recognised, and where its parameters lie.

Everything that has to know what a layer is (its recurrent matrix, its gates, its name in a signal)
asks the registry here, so that a kind is described once. How the states of a kind are *read* is
its ``reading``, for which :mod:`backsight.probes` has a reader.

A kind of your own::

    class MyCells(LayerAdapter):
        kind, reading, module_type = "my cell", "stepped", MyCell

    register_layer(MyCells())

Of gated linear recurrences, whose transition is diagonal, :mod:`backsight.layers.decays` knows how
much is kept of each channel.
"""

from backsight.layers._adapter import CellStep, LayerAdapter, LayerWeights, RecurrentMatrix
from backsight.layers._blocks import GateBlock, blocks_of
from backsight.layers._cells import GRUCells, LSTMCells, RNNCells
from backsight.layers._fused import GRULayers, LSTMLayers, RNNLayers
from backsight.layers._registry import adapter_of, register_layer, registered_layers
from backsight.layers.decays import DECAYS, DecayAdapter, Decays, decay_adapter_of

__all__ = [
    "DECAYS",
    "CellStep",
    "DecayAdapter",
    "Decays",
    "GateBlock",
    "LayerAdapter",
    "LayerWeights",
    "RecurrentMatrix",
    "adapter_of",
    "blocks_of",
    "decay_adapter_of",
    "register_layer",
    "registered_layers",
]

for _adapter in (
    RNNLayers(), GRULayers(), LSTMLayers(), RNNCells(), GRUCells(), LSTMCells(),
):  # fmt: skip
    register_layer(_adapter)
