"""Units of a recurrent layer that all compute the same, because their weights are the same."""

import math

import torch
from torch import Tensor

from backsight.layers import LayerWeights

__all__ = ["units_alike"]

WITHIN = 0.01
"""Of the largest weight: what was begun with one number differs by less after a few steps."""


@torch.no_grad()
def units_alike(weights: LayerWeights, gates: int) -> int | None:
    """How many units a layer has, if all of them have the same weights; 0 if they differ.

    Biases do not count: they alone hardly tell units apart. A recurrent matrix of zeros beside
    input weights that differ is no such case.

    Args:
        weights: of one layer in one direction.
        gates: how many blocks of rows they have.

    Returns:
        None of fewer than two units, where there is no recurrent matrix, and where a weight is not
        finite.

    Example:
        >>> import torch
        >>> from backsight.layers import adapter_of
        >>> from backsight.probes import units_alike
        >>> rnn = torch.nn.GRU(3, 4)
        >>> units_alike(adapter_of(rnn).layers(rnn)[0], 3)
        0
        >>> for weights in rnn.parameters():
        ...     _ = torch.nn.init.constant_(weights, 0.1)
        >>> units_alike(adapter_of(rnn).layers(rnn)[0], 3)
        4
    """
    if weights.recurrent is None:
        return None
    units = len(weights.recurrent) // gates
    if units < 2:
        return None
    matrices = [m.detach() for m in (weights.input, weights.recurrent) if m is not None]
    ends = [tuple(map(float, matrix.aminmax())) for matrix in matrices]
    if not all(math.isfinite(end) for both in ends for end in both):
        return None
    sizes = [max(-low, high) for low, high in ends]
    alike = all(_alike(m, gates, WITHIN * size) for m, size in zip(matrices, sizes, strict=True))
    return units if alike else 0


def _alike(matrix: Tensor, gates: int, most: float) -> bool:
    blocks = matrix.reshape(gates, -1, matrix.shape[-1])
    if float((blocks[:, 0] - blocks[:, 1]).abs().amax()) > most:  # nearly always
        return False
    return float((blocks.amax(1) - blocks.amin(1)).amax()) <= most
