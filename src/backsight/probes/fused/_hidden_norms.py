"""The hidden states a fused layer shows in its output, and their norms."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from backsight.probes._precision import norm_dtype
from backsight.probes._reader import HiddenNorms

__all__ = ["hidden_norms"]


def hidden_norms(
    path: str,
    module: nn.RNNBase,
    output: Tensor | PackedSequence,
    *,
    profile: bool = True,
    bounded: bool = False,
) -> dict[str, HiddenNorms]:
    """Measure the top layer of ``module``: a stack shows no other one in its output.

    Args:
        path: the module's path, the stem of the names.
        module: an ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM``.
        output: its first output: ``(T, B, D·H)``, ``(B, T, D·H)``, unbatched ``(T, D·H)``, or
            packed, where step ``t`` is averaged over the sequences that reach it.
        profile: whether to give the norms by step as well.
        bounded: whether every element is known to stay within ±1.

    Returns:
        Norms by layer name in PyTorch's own spelling: ``rnn.l1``, ``rnn.l1_reverse``.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import hidden_norms
        >>> rnn, states = nn.RNN(3, 4, num_layers=2), torch.ones(6, 2, 4)
        >>> {name: norms.mean.item() for name, norms in hidden_norms("rnn", rnn, states).items()}
        {'rnn.l1': 2.0}
    """
    stem = ".".join(filter(None, (path, f"l{module.num_layers - 1}")))
    lengths = output.batch_sizes if isinstance(output, PackedSequence) else None
    states = (output.data if isinstance(output, PackedSequence) else output).detach()
    dtype = norm_dtype(states, bounded=bounded)
    directions = {"": states}
    if module.bidirectional:
        directions[""], directions["_reverse"] = states.chunk(2, dim=-1)
    norms = {}
    for suffix, part in directions.items():
        each = torch.linalg.vector_norm(part, dim=-1, dtype=dtype)
        by_step = _by_step(each, module, lengths) if profile else None
        norms[stem + suffix] = HiddenNorms(by_step, each.sum(), each.amax(), each.numel())
    return norms


def _by_step(each: Tensor, module: nn.RNNBase, lengths: Tensor | None) -> Tensor:
    """``(T,)``: the mean of the norms of a step's sequences."""
    if lengths is not None:
        return torch.segment_reduce(each, "mean", lengths=lengths.to(each.device))
    by_time = each.T if module.batch_first and each.dim() == 2 else each
    return by_time.reshape(len(by_time), -1).mean(1)
