"""The hidden states a recurrent layer shows in its output, and their norms."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from backsight.probes._precision import norm_dtype

__all__ = ["HiddenNorms", "hidden_norms", "recurrent_layers"]


@dataclass(frozen=True, slots=True)
class HiddenNorms:
    """Norms of the hidden states of one layer in one call, on the layer's device."""

    profile: Tensor | None
    """Shape ``(T,)``: mean over sequences of ``‖h_t‖``; None where it was not asked for."""
    mean: Tensor
    """Scalar: mean over steps and sequences."""
    maximum: Tensor
    """Scalar: the largest; NaN as soon as one state is NaN."""
    states: int
    """How many states were measured: steps times sequences, padding left out."""


def recurrent_layers(model: nn.Module) -> dict[str, nn.RNNBase]:
    """PyTorch's recurrent modules in ``model``, by module path."""
    return {path: m for path, m in model.named_modules() if isinstance(m, nn.RNNBase)}


@torch.no_grad()
def hidden_norms(
    path: str, module: nn.RNNBase, output: Tensor | PackedSequence, *, profile: bool = True
) -> dict[str, HiddenNorms]:
    """Measure the top layer of ``module``: a stack shows no other one in its output.

    Args:
        path: the module's path, the stem of the names.
        module: an ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM``.
        output: its first output: ``(T, B, D·H)``, ``(B, T, D·H)``, unbatched ``(T, D·H)``, or
            packed, where step ``t`` is averaged over the sequences that reach it.
        profile: whether to give the norms by step as well.

    Returns:
        Norms by layer name in PyTorch's own spelling: ``rnn.l1``, ``rnn.l1_reverse``.
    """
    stem = ".".join(filter(None, (path, f"l{module.num_layers - 1}")))
    lengths = output.batch_sizes if isinstance(output, PackedSequence) else None
    states = (output.data if isinstance(output, PackedSequence) else output).detach()
    # h = o ⊙ tanh(c) and its kin stay within ±1; relu and a projection know no bound.
    bounded = module.mode != "RNN_RELU" and not module.proj_size
    dtype = norm_dtype(states, bounded=bounded)
    directions = {"": states}
    if module.bidirectional:
        directions[""], directions["_reverse"] = states.chunk(2, dim=-1)
    norms = {}
    for suffix, part in directions.items():
        each = torch.linalg.vector_norm(part, dim=-1, dtype=dtype)
        by_step = _by_step(each, module, lengths) if profile else None
        norms[stem + suffix] = HiddenNorms(by_step, each.mean(), each.amax(), each.numel())
    return norms


def _by_step(each: Tensor, module: nn.RNNBase, lengths: Tensor | None) -> Tensor:
    """``(T,)``: the mean of the norms of a step's sequences."""
    if lengths is not None:
        return torch.segment_reduce(each, "mean", lengths=lengths.to(each.device))
    by_time = each.T if module.batch_first and each.dim() == 2 else each
    return by_time.reshape(len(by_time), -1).mean(1)
