"""Whether flattened targets go with the inputs of other steps than those they are asked of."""

import torch

from backsight.probes.loss import LossOperations, step_targets, steps_given
from backsight.probes.wiring._row_ties import RowTies

__all__ = ["TurnedTies"]

FEATURES = 16
"""Of a step, the first ones."""

STRONG = 0.1
"""A squared correlation of targets with a feature of their steps."""

BEYOND = 4.0
"""Times as strong as in any other order: steps that follow from each other are alike, so that some
correlation is there by chance."""


class TurnedTies:
    """Correlations of the targets of all steps with the inputs of these steps, in three orders.

    Predictions ``(T, B, …)`` and targets ``(B, T)`` that were both flattened are held against each
    other as other steps of other sequences. What is read as ``(T, B)`` in the order of the
    predictions then goes with no input, and in the other order it does. In a third order, the
    second one with sequences that were moved on by one, there is what comes by chance.

    Example:
        >>> import torch
        >>> from backsight.probes import LayerInput, LossOperations, mark_input
        >>> from backsight.probes.wiring import TurnedTies
        >>> _ = torch.manual_seed(0)
        >>> rnn, turned, right = torch.nn.RNN(2, 1), TurnedTies(), TurnedTies()
        >>> x = torch.randn(20, 30, 2)
        >>> for ties, asked in ((turned, x[..., 0].t()), (right, x[..., 0])):
        ...     states, _ = rnn(x)
        ...     mark_input(states, LayerInput("rnn", x, steps=0))
        ...     loss = torch.nn.functional.mse_loss(states.view(-1), asked.reshape(-1))
        ...     ties.add(LossOperations([loss]), {(20, 30)})
        600
        0
    """

    def __init__(self) -> None:
        self._right, self._other, self._moved = (
            RowTies(again=True, widest=FEATURES) for _ in range(3)
        )
        self._found = 0

    @torch.no_grad()
    def add(self, made: LossOperations, sizes: set[tuple[int, int]]) -> int:
        """One more graph of a loss; how many targets it has, if the other order is the right one.

        Args:
            made: the operations of the loss, while the graph is whole.
            sizes: steps and sequences of what recurrent layers were given.
        """
        if self._right.full:
            return self._found
        asked = {size: one for size in sizes for one in step_targets(made, *size)}
        for given in steps_given(made, asked)[:1] if asked else ():
            one = asked[given.shape[0], given.shape[1]]
            rows = given.flatten(0, 1)[:, None].detach()
            self._right.add(rows, one.right.reshape(-1))
            self._other.add(rows, one.other.reshape(-1))
            self._moved.add(rows, one.other.roll(1, 1).reshape(-1))
            self._found = len(rows) if self._is_turned() else 0
        return self._found

    def _is_turned(self) -> bool:
        found = self._other.strongest
        chance = max(self._right.strongest, self._moved.strongest)
        return found >= max(STRONG, 2 * self._other.chance, BEYOND * chance)
