"""Initialisations of a recurrent layer, by name.

Gated layers stack their gates along the rows (LSTM 4, GRU 3): a recurrent initialisation is
applied to each gate's square block by itself.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from backsight.errors import SettingError
from backsight.layers import LayerAdapter, LayerWeights, adapter_of
from backsight.nn._choices import INIT_NEEDS, Init

__all__ = ["initialise"]

SMART_TANH_NON_ZEROS = 15
SMART_TANH_RADIUS = 0.95


@torch.no_grad()
def initialise(rnn: nn.Module, name: Init, gain: float = 1.0, *, t_max: int | None = None) -> None:
    """Initialise every layer of ``rnn`` in place, from torch's global generator.

    Args:
        rnn: recurrent layers of a kind that :mod:`backsight.layers` knows, or a stack of cells.
        name: see below.
        gain: scales the recurrent matrices.
        t_max: ``chrono`` alone needs it: the longest dependency there may be, in steps.

    Raises:
        SettingError: the layer has no recurrent matrix to draw or scale, or for ``smart-tanh`` one
            that is not square; ``chrono`` of one without gates, biases or decays, or with a
            ``t_max`` below 2. Nothing is changed then.

    =============  ==========================================================  ================
    name           recurrent matrix, H×H                                       input, biases
    =============  ==========================================================  ================
    ``default``    PyTorch's U(−1/√H, 1/√H)                                    PyTorch's
    ``orthogonal`` a random orthogonal matrix (Saxe et al. 2014)               PyTorch's, 0
    ``identity``   the identity (IRNN: Le, Jaitly, Hinton 2015)                N(0, 0.001²), 0
    ``gaussian``   N(0, 1/H): spectral radius about ``gain`` for large H       PyTorch's, 0
                   (Sompolinsky et al. 1988)
    ``smart-tanh`` 15 non-zeros a unit, N(0, 1), scaled to spectral radius     N(0, 0.01²), 0
                   0.95 (Pascanu, Mikolov, Bengio 2013, §4.1)
    ``chrono``     PyTorch's                                                   PyTorch's, but
                   (Tallec, Ollivier 2018, §2)                                 of gates: below
    =============  ==========================================================  ================

    ``chrono`` draws for each unit how long it is to remember: with u ~ U(1, ``t_max`` - 1), an
    LSTM's b_f = log u and b_i = -log u. A GRU's z weighs the old state in PyTorch, where the paper
    has the new one: b_z = log u; a minGRU's z weighs the new one: b_z = -log u; a minLSTM has
    the biases of an LSTM. At rest a unit then
    forgets in 1 + u steps. Of PyTorch's two biases, which are added up, the second one is 0 for
    these gates. An LRU has a decay instead of gates: its units forget in τ ~ U(``t_max`` / 2,
    2 ``t_max``) steps, and what they are fed is scaled for that.

    Example:
        >>> from torch import nn
        >>> from backsight.nn import initialise
        >>> rnn = nn.RNN(3, 2)
        >>> initialise(rnn, "identity", gain=0.5)
        >>> rnn.weight_hh_l0.tolist()
        [[0.5, 0.0], [0.0, 0.5]]
    """
    modules = [
        (adapter, module) for module in rnn.modules() if (adapter := adapter_of(module)) is not None
    ]
    layers = [(adapter, layer) for adapter, module in modules for layer in adapter.layers(module)]
    kind = type(rnn).__name__
    _check_matrices(kind, layers, name, gain)
    if name == "chrono":
        _chrono(kind, modules, t_max)
    recurrent, spread = _draws(name)
    for adapter, layer in layers:
        if layer.input is not None and spread is not None:
            nn.init.normal_(layer.input, std=spread)
        if layer.recurrent is not None:
            for block in layer.recurrent.chunk(max(1, len(adapter.gates))):
                recurrent(block)
                block.mul_(gain)
        if name not in ("default", "chrono"):
            for bias in layer.biases:
                nn.init.zeros_(bias)


def _draws(name: Init) -> tuple[Callable[[Tensor], None], float | None]:
    """What is done to each gate's recurrent block, and how far input weights spread."""
    match name:
        case "default" | "chrono":
            return _keep, None
        case "orthogonal":
            return _orthogonal, None
        case "identity":
            return _identity, 0.001
        case "gaussian":
            return _gaussian, None
        case "smart-tanh":
            return _smart_tanh, 0.01


def _check_matrices(
    kind: str, layers: Sequence[tuple[LayerAdapter, LayerWeights]], name: Init, gain: float
) -> None:
    blocks = [
        (len(layer.recurrent) // max(1, len(adapter.gates)), layer.recurrent.shape[1])
        for adapter, layer in layers
        if layer.recurrent is not None
    ]
    if not blocks and INIT_NEEDS[name] == "matrix":
        raise SettingError(f"{name} initialises the recurrent matrix, but {kind} has none")
    if not blocks and gain != 1:
        raise SettingError(f"a gain of {gain:g} scales the recurrent matrix, but {kind} has none")
    for rows, columns in blocks if name == "smart-tanh" else ():
        if rows != columns:
            raise SettingError(
                f"smart-tanh scales a spectral radius, which needs a square recurrent matrix, but "
                f"that of {kind} is {rows}×{columns}"
            )


def _keep(block: Tensor) -> None:
    """Leave what PyTorch's constructor drew."""


def _orthogonal(block: Tensor) -> None:
    nn.init.orthogonal_(block)


def _identity(block: Tensor) -> None:
    nn.init.eye_(block)


def _gaussian(block: Tensor) -> None:
    nn.init.normal_(block, std=1 / math.sqrt(block.shape[1]))


def _smart_tanh(block: Tensor) -> None:
    size = block.shape[1]
    chosen = torch.rand(block.shape).argsort(1)[:, : min(SMART_TANH_NON_ZEROS, size)]
    values = torch.randn(chosen.shape, dtype=block.dtype)
    block.zero_().scatter_(1, chosen.to(block.device), values.to(block.device))
    radius = torch.linalg.eigvals(block.double()).abs().max()
    # A tiny sparse matrix can be nilpotent: it has no radius to scale.
    if radius > 0:
        block.mul_((SMART_TANH_RADIUS / radius).to(block.dtype))


def _chrono(
    kind: str, modules: Sequence[tuple[LayerAdapter, nn.Module]], t_max: int | None
) -> None:
    decaying = bool(modules) and all(adapter.has_decays for adapter, _ in modules)
    layers = [(adapter, layer) for adapter, module in modules for layer in adapter.layers(module)]
    gated = bool(layers) and all(adapter.memory_gates for adapter, _ in layers)
    if not decaying and not (gated and all(layer.biases for _, layer in layers)):
        what = f"an {kind} without biases" if gated else kind
        raise SettingError(
            f"chrono sets the biases of gates, but {what} has none: use a gated cell, such as a "
            "GRU or an LSTM"
        )
    if t_max is None or t_max < 2:
        raise SettingError(
            "chrono needs t_max, the longest dependency in steps: a whole number of at least 2, "
            f"not {t_max}"
        )
    if decaying:
        for adapter, module in modules:
            adapter.set_decays(module, t_max)
        return
    for adapter, layer in layers:
        first, *others = (bias.view(len(adapter.gates), -1) for bias in layer.biases)
        drawn = first.new_empty(first.shape[1]).uniform_(1, t_max - 1).log_()
        for gate, sign in adapter.memory_gates.items():
            row = adapter.gates.index(gate)
            first[row] = sign * drawn
            for other in others:
                other[row] = 0
