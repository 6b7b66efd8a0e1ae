"""Initialisations of a recurrent layer, by name.

Gated layers stack their gates along the rows (LSTM 4, GRU 3): a recurrent initialisation is
applied to each gate's square block by itself.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from backsight.nn._choices import Init

__all__ = ["initialise"]

SMART_TANH_NON_ZEROS = 15
SMART_TANH_RADIUS = 0.95


@torch.no_grad()
def initialise(rnn: nn.RNNBase, name: Init, gain: float = 1.0) -> None:
    """Initialise every layer of ``rnn`` in place, from torch's global generator.

    ``gain`` scales the recurrent matrices.

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
    =============  ==========================================================  ================
    """
    recurrent: Callable[[Tensor], None]
    match name:
        case "default":
            recurrent, spread = _keep, None
        case "orthogonal":
            recurrent, spread = _orthogonal, None
        case "identity":
            recurrent, spread = _identity, 0.001
        case "gaussian":
            recurrent, spread = _gaussian, None
        case "smart-tanh":
            recurrent, spread = _smart_tanh, 0.01
    for parameter_name, parameter in rnn.named_parameters():
        if parameter_name.startswith("weight_hh"):
            for block in torch.split(parameter, parameter.shape[1]):
                recurrent(block)
                block.mul_(gain)
        elif parameter_name.startswith("weight_ih") and spread is not None:
            nn.init.normal_(parameter, std=spread)
        elif parameter_name.startswith("bias") and name != "default":
            nn.init.zeros_(parameter)


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
