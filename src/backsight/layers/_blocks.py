"""The parameters of a model in blocks: the rows of each gate of each layer, and the rest."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from backsight.layers._registry import adapter_of
from backsight.layers.decays import decay_adapter_of

__all__ = ["GateBlock", "blocks_of"]


@dataclass(frozen=True, slots=True, eq=False)
class GateBlock:
    """What one gate of one layer is made of; or what a module holds that belongs to no gate.

    Example:
        >>> from torch import nn
        >>> from backsight.layers import blocks_of
        >>> blocks = blocks_of(nn.LSTM(3, 4).named_modules())
        >>> [(block.layer, block.gate) for block in blocks][:2]
        [('l0', 'input'), ('l0', 'forget')]
        >>> [rows for _, rows in blocks[1].rows]
        [slice(4, 8, None), slice(4, 8, None), slice(4, 8, None), slice(4, 8, None)]
    """

    layer: str
    """As in the names of signals; outside of recurrent layers, the path of the module: the bias of
    a linear layer may be next to zero, and has no size that its motion could be held against."""
    gate: str
    """Empty where the layer has none."""
    rows: tuple[tuple[Tensor, slice], ...]
    """Parameters, and which of their rows."""

    @property
    def name(self) -> str:
        """``rnn.l0.forget``."""
        return ".".join(filter(None, (self.layer, self.gate)))


def blocks_of(modules: Iterable[tuple[str, nn.Module]]) -> list[GateBlock]:
    """Every trained parameter, in blocks: those of recurrent layers first.

    Args:
        modules: all modules of a model by path, each before those inside it.

    Example:
        >>> from torch import nn
        >>> from backsight.layers import blocks_of
        >>> model = nn.ModuleDict({"rnn": nn.GRU(3, 4), "head": nn.Linear(4, 1)})
        >>> [block.name for block in blocks_of(model.named_modules())]
        ['rnn.l0.reset', 'rnn.l0.update', 'rnn.l0.new', 'head']
    """
    found: list[GateBlock] = []
    taken: set[int] = set()
    every = list(modules)
    held = [p for _, module in every for p in _own(module).values() if p is not None]
    there = {id(parameter) for parameter in held if _trained(parameter)}
    for path, module in every:
        mine = [
            GateBlock(layer, gate, tuple(rows))
            for layer, gates in _gates_of(path, module, there).items()
            for gate, rows in gates.items()
            if rows and taken.isdisjoint(id(parameter) for parameter, _ in rows)
        ]
        taken.update(id(parameter) for block in mine for parameter, _ in block.rows)
        found += mine
    for path, module in every:
        rest = {
            name: parameter
            for name, parameter in _own(module).items()
            if parameter is not None and id(parameter) in there - taken
        }
        taken.update(map(id, rest.values()))
        if rest:
            whole = tuple((parameter, slice(None)) for parameter in rest.values())
            found.append(GateBlock(path or next(iter(rest)), "", whole))
    return found


def _own(module: nn.Module) -> dict[str, Tensor | None]:
    """None of a module that has not called ``nn.Module.__init__``."""
    return vars(module).get("_parameters") or {}


def _trained(parameter: Tensor) -> bool:
    plain = issubclass(type(parameter), nn.Parameter) and parameter.layout is torch.strided
    return plain and parameter.requires_grad and parameter.numel() > 0 and parameter.dim() > 0


Gates = dict[str, list[tuple[Tensor, slice]]]


def _gates_of(path: str, module: nn.Module, there: Collection[int]) -> dict[str, Gates]:
    """By layer, the rows of each of its gates, in parameters with these identities."""
    adapter = adapter_of(module)
    if adapter is None:
        decays = decay_adapter_of(module)
        rows = {} if decays is None else decays.gate_rows(module)
        kept = {gate: [one for one in each if id(one[0]) in there] for gate, each in rows.items()}
        return {path: kept}
    found: dict[str, Gates] = {}
    names = adapter.gates or ("",)
    layers = zip(adapter.layer_names(path, module), adapter.layers(module), strict=False)
    for layer, weights in layers:
        gates: Gates = {gate: [] for gate in names}
        found[layer] = gates
        for tensor in (weights.input, weights.recurrent, *weights.biases):
            if tensor is None or id(tensor) not in there or len(tensor) % len(names):
                continue  # one that a parametrization computes is none that is trained
            each = len(tensor) // len(names)
            for place, gate in enumerate(names):
                gates[gate].append((tensor, slice(place * each, (place + 1) * each)))
    return found
