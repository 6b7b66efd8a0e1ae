"""A recorder for a process that records nothing."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike

__all__ = ["NullRecorder"]


class NullRecorder:
    """A recorder that keeps nothing.

    Example:
        >>> import torch
        >>> from backsight.monitor import Monitor, NullRecorder
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> monitor = Monitor(rnn, optimizer, NullRecorder(), automatic=True, every=1)
        >>> rnn(torch.randn(20, 2, 3))[0].square().mean().backward()
        >>> optimizer.step()
        >>> monitor.close()
        >>> "loss" in monitor.latest
        True
    """

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def series(self, name: str, iterations: ArrayLike, values: ArrayLike) -> None:
        """Nothing."""

    def profile(self, name: str, iteration: int, row: ArrayLike) -> None:
        """Nothing."""

    def event(self, kind: str, iteration: int, body: Any, *, urgent: bool = False) -> None:
        """Nothing."""
