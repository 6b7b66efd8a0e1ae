"""What a loss of PyTorch's is given: numbers of the wrong kind, or of a shape that broadcasts."""

from collections import Counter

from torch import Tensor

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import (
    loss_broadcasts,
    squashed_twice,
    steps_of_one_target,
    targets_beyond,
    unsquashed,
)

__all__ = ["LossInput"]


class LossInput(Measurement):
    """Losses of PyTorch's whose input was squashed before, and losses whose operands broadcast.

    ``loss_squashed``: a softmax or sigmoid goes into a loss that applies its own; or probabilities
    go into one that expects their logarithms. ``loss_broadcast``: prediction and target are both
    expanded, so that each prediction is held against each target; negative where the target alone
    is, and the answers of that many steps are held against it. ``targets_beyond``: the share of a
    squared error's targets, or of its like, that lie outside of what the last operation can give;
    the largest of several, by that operation.

    Example:
        >>> import torch
        >>> import backsight
        >>> from torch.nn.functional import cross_entropy, mse_loss
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     states = rnn(torch.randn(20, 2, 3))[0][-1]
        ...     loss = cross_entropy(states.softmax(-1), torch.tensor([0, 1]))
        ...     loss.backward()
        ...     optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run["loss_squashed/softmax, cross-entropy"].tolist(), run["loss_broadcast"].tolist()
        ([1.0], [0.0])
    """

    name = "loss input"
    signals = ("loss_broadcast", "loss_squashed", "targets_beyond")
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._squashed: Counter[str] | None = None
        self._broadcast = 0
        self._beyond: dict[str, float] = {}
        """The largest share of targets, by what they are out of reach of."""
        self._sizes: set[tuple[int, int]] = set()
        """Steps and sequences of what fused layers were given."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has been seen."""
        self._squashed, self._broadcast, self._sizes = None, 0, set()
        self._beyond = {}

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """See how long sequences are."""
        if call.adapter is not None and call.adapter.reading == "fused":
            x = now.input_of(call)
            if isinstance(x, Tensor) and x.dim() == 3:
                steps, batch = x.shape[:2]
                first = getattr(call.module, "batch_first", False)
                self._sizes.add((batch, steps) if first else (steps, batch))

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at each loss of PyTorch's."""
        self._squashed = self._squashed or Counter()
        for told in (squashed_twice, unsquashed):
            for before, loss in told(passed.operations):
                self._squashed[f"{before}, {loss}"] += 1
        for one in targets_beyond(passed.operations):
            self._beyond[one.operation] = max(one.share, self._beyond.get(one.operation, 0.0))
        both = loss_broadcasts(passed.operations)
        if both or self._broadcast > 0:
            self._broadcast = max(self._broadcast, both)
        else:
            steps = steps_of_one_target(passed.operations, self._sizes)
            self._broadcast = min(self._broadcast, -steps)

    def on_iteration_end(self, now: Iteration) -> None:
        """Record how many there are."""
        if self._squashed is None:
            return
        now.record("loss_squashed", float(self._squashed.total()))
        for which, count in self._squashed.items():
            now.record(f"loss_squashed/{which}", float(count))
        now.record("loss_broadcast", float(self._broadcast))
        for which, share in self._beyond.items():
            now.record(f"targets_beyond/{which}", share)
