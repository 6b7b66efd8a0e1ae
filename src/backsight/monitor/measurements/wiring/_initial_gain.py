"""How wide weights are when the training begins."""

import math

import torch
from torch import Tensor, nn

from backsight.monitor._iteration import BackwardPass, Iteration
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import named_modules

__all__ = ["InitialGain"]

LOOKED_UP = (nn.Embedding, nn.EmbeddingBag)
"""Modules whose rows are read one at a time, and not added up."""

SQUASHING = frozenset({"Exp", "Expm1", "Sigmoid", "Softplus", "Tanh"})
"""What a function of these is taken of multiplies nothing itself: the logarithm of a rate, a
gate."""

FORBIDS = -100.0
"""Or less, in several places: the score of what may not be, as in the transitions of a CRF, that
nothing makes up for. It is no weight."""


class InitialGain(Measurement):
    """``initial_gain``: the root mean square of a weight matrix times ``√n``, n its smaller side:
    what it multiplies the size of its input with, at least. Once, before the first step.

    PyTorch's layers have 0.6, and orthogonal matrices 1. Transitions that are forbidden by a large
    negative score do not count, nor do numbers that are taken the exponential of, or the sigmoid.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(4, 4)
        >>> _ = torch.nn.init.constant_(rnn.weight_ih_l0, 3.0)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     rnn(torch.randn(20, 2, 4))[0].square().mean().backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["initial_gain/weight_ih_l0"].tolist()
        [6.0]
    """

    name = "initial gain"
    signals = ("initial_gain",)
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._known: set[int] = set()
        """Identities of those that were looked at."""

    @torch.no_grad()
    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at the weights before the first step."""
        if now.number:
            return
        new = {n: p for n, p in now.parameters.items() if id(p) not in self._known and p.numel()}
        self._known.update(map(id, new.values()))
        tables = {
            id(module._parameters.get("weight"))
            for model in now.models.values()
            for _, module in named_modules(model)
            if issubclass(type(module), LOOKED_UP)
        }
        no_weights = tables | _squashed(passed)
        there = {
            name: p
            for name, p in new.items()
            if p.dim() == 2
            and min(p.shape) > 1
            and id(p) not in no_weights
            and p.is_floating_point()
        }
        if not there:
            return
        gains = [_gain(p.detach()) for p in there.values()]
        first = gains[0].device
        names = [f"initial_gain/{name}" for name in there]
        now.record_each(names, torch.stack([gain.to(first).float() for gain in gains]))


def _squashed(passed: BackwardPass) -> set[int]:
    """Identities of parameters that such a function is applied to as they are."""
    below = (node.next_functions[0][0] for _, node in passed.operations.those(SQUASHING))
    return {id(node.variable) for node in below if node is not None and hasattr(node, "variable")}


def _gain(weights: Tensor) -> Tensor:
    least = weights.amin()
    forbidden = (weights == least) & (least <= FORBIDS)
    weights = weights.masked_fill(forbidden & ~forbidden.all(), 0)
    number = torch.promote_types(weights.dtype, torch.float32)
    norm: Tensor = torch.linalg.vector_norm(weights, dtype=number)
    return norm / math.sqrt(max(weights.shape))
