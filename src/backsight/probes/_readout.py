"""One linear layer and a loss of PyTorch's behind a state, to be computed again of another state.

The layer and the targets are read off the graph of the loss. Whether that is all there is between
a state and the loss, and which row of the predictions is whose, the numbers tell: of the run's own
states, the layer has to give the run's own predictions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.autograd.graph import Node
from torch.nn.functional import linear

from backsight.probes._operations import operation
from backsight.probes._precision import rounding
from backsight.probes.loss import LossOperations, LossTarget, error_of, loss_targets

__all__ = ["Readout", "readout_of"]

LOOKED_AT = 512
"""Operations nearest to the loss, among which its parts are: behind them a loop may have made
thousands."""


@dataclass(frozen=True, slots=True, eq=False)
class Readout:
    """A linear layer, and what its predictions are held against. Shapes: ``N`` predictions.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import readout_of
        >>> rnn, head, x = nn.RNN(3, 4), nn.Linear(4, 2), torch.randn(6, 3, 3)
        >>> states = rnn(x)[0][-1]
        >>> loss = nn.functional.cross_entropy(head(states), torch.tensor([0, 1, 1]))
        >>> readout = readout_of([loss])
        >>> rows = readout.rows(states.detach(), [[0, 1, 2]])
        >>> torch.allclose(readout.losses(states.detach(), rows).mean(), loss)
        True
    """

    given: LossTarget
    weight: Tensor
    """``(C, H)``."""
    bias: Tensor | None

    def rows(self, h: Tensor, candidates: Sequence[Sequence[int]]) -> list[int] | None:
        """Which predictions are those of the states ``(n, H)``; None where none of them is.

        Args:
            h: as they were in the run.
            candidates: rows that may be theirs.
        """
        if h.shape[-1] != self.weight.shape[1]:
            return None
        made = self._predicted(h)
        run = self._flat(self.given.prediction)
        limit = rounding(run.dtype)
        for rows in candidates:
            if max(rows) >= len(run):
                continue
            off = (made - run[list(rows)].to(made.dtype)).abs()
            if bool((off <= limit * (1 + made.abs())).all()):
                return list(rows)
        return None

    def losses(self, h: Tensor, rows: Sequence[int]) -> Tensor:
        """``(n,)``: the loss of each state, if its answer were those rows' target."""
        made, target = self._predicted(h), self.given.target
        if self.given.of_classes:
            return -made.gather(1, target[list(rows)][:, None])[:, 0]
        wanted = self._flat(target)[list(rows)].to(made.dtype)
        return error_of(self.given)(made, wanted).mean(-1)

    def _predicted(self, h: Tensor) -> Tensor:
        out = linear(h.to(self.weight.dtype), self.weight, self.bias)
        return out.log_softmax(-1) if self.given.of_classes else out

    def _flat(self, numbers: Tensor) -> Tensor:
        """``(N, C)``."""
        return numbers.reshape(-1, self.weight.shape[0])


def readout_of(roots: Sequence[Tensor]) -> Readout | None:
    """The only loss of PyTorch's in a graph, and the linear layer that its predictions come from.

    None where there are several, or something else between them, or a part of what the layer gives
    alone is read, or where targets are ignored or weigh differently.

    Args:
        roots: what backward is about to be called on, while the graph is whole.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import readout_of
        >>> head, states = nn.Linear(4, 2), torch.randn(3, 4)
        >>> loss = nn.functional.mse_loss(head(states), torch.zeros(3, 2))
        >>> tuple(readout_of([loss]).weight.shape), readout_of([head(states).sum()])
        ((2, 4), None)
    """
    targets = loss_targets(LossOperations(roots), LOOKED_AT)
    if len(targets) != 1 or targets[0].weighted or not bool(targets[0].counted.all()):
        return None
    (given,) = targets
    if given.by_hand or (given.of_classes and given.prediction.dim() != 2):
        return None
    node: Node | None = given.edge[0]
    if given.of_classes:
        if operation(given.edge[0]) != "LogSoftmax":
            return None
        node = given.edge[0].next_functions[0][0]
    found = _linear(LossOperations.source(node))
    if found is None:
        return None
    weight, bias = found
    if weight.shape[0] not in (1, given.prediction.shape[-1]):
        return None  # the loss reads a part of its output
    if given.loss != "NllLoss" and given.target.shape != given.prediction.shape:
        return None
    return Readout(given, weight, bias)


def _linear(node: Node | None) -> tuple[Tensor, Tensor | None] | None:
    """The weight and the bias of a linear layer whose output a node makes; None of any other."""
    bias = None
    if node is not None and operation(node) == "Add":  # of an input that lies across memory
        sides = [below for below, _ in node.next_functions]
        bias = next((leaf for side in sides if (leaf := _leaf(side)) is not None), None)
        made = [LossOperations.source(side) for side in sides if _leaf(side) is None]
        node = made[0] if bias is not None and len(made) == 1 else None
    if node is None or operation(node) not in ("Addmm", "Mm"):
        return None
    *before, _, turned = (below for below, _ in node.next_functions)
    if before:
        bias = _leaf(before[0])
        if bias is None:
            return None
    if turned is None or operation(turned) != "T":
        return None
    weight = _leaf(turned.next_functions[0][0])
    return None if weight is None or weight.dim() != 2 else (weight, bias)


def _leaf(node: Node | None) -> Tensor | None:
    """A parameter, without its graph."""
    leaf = getattr(node, "variable", None)
    return leaf.detach() if isinstance(leaf, Tensor) else None
