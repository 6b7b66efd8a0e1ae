"""How long the sequences are, and how fast they are learned from."""

from backsight.monitor._iteration import Iteration
from backsight.monitor.measurements._measurement import Measurement

__all__ = ["Pace"]


class Pace(Measurement):
    """Steps unrolled in an iteration, and sequence elements a second.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     loss = rnn(torch.randn(20, 2, 3))[0][-1].square().mean()
        ...     loss.backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["seq_len"].tolist()
        [20.0]
    """

    name = "sequence length"
    signals = ("seq_len", "tokens_per_second")
    may_wait = True

    def on_iteration_end(self, now: Iteration) -> None:
        """As the layers were seen to run."""
        steps, elements = now.extent
        if steps:
            now.record("seq_len", float(steps))
        if elements:
            now.record("tokens_per_second", elements / now.seconds)
