"""Spectral radius and largest singular value of the recurrent matrices."""

from torch import Tensor, nn

from backsight.layers import adapter_of
from backsight.monitor._iteration import Iteration
from backsight.monitor.measurements._measurement import SAMPLED, Measurement
from backsight.probes import WIDEST, spectrum

__all__ = ["Spectrum"]

CHEAP = 32
"""Units up to which a spectrum (less than 1 ms) is no more than what a sample costs anyway."""


class Spectrum(Measurement):
    """``max |λ|`` and ``σ_max`` of what makes the next state of the one before.

    The cost is a cube of the width, a step's own a square: so that the share stays the same, a
    matrix ``n`` times as wide as :data:`CHEAP` is measured in every ``n²``-th sample.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> rnn.weight_hh_l0.data = torch.diag(torch.tensor([0.9, 0.5, 0.5, 0.5]))
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.0)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     loss = rnn(torch.randn(20, 2, 3))[0][-1].square().mean()
        ...     loss.backward()
        ...     optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run["spectral_radius"].round(3).tolist(), run["sigma_max"].round(3).tolist()
        ([0.9], [0.9])
    """

    name = "spectral radius"
    signals = ("sigma_max", "spectral_radius")
    schedule = SAMPLED

    def on_iteration_end(self, now: Iteration) -> None:
        """After the step."""

        def record(path: str, module: nn.Module) -> None:
            adapter = adapter_of(module)
            for one in () if adapter is None else adapter.recurrent_matrices(module):
                matrix = one.weights
                if now.sample is None or now.sample % _samples_between(matrix):
                    continue
                name = ".".join(filter(None, (path, one.suffix))) or "model"
                radius, sigma = spectrum(matrix)
                if matrix.shape[0] == matrix.shape[1] <= WIDEST:
                    now.record(f"spectral_radius/{name}", radius)
                now.record(f"sigma_max/{name}", sigma)

        self.each_layer(dict(now.layers), record)


def _samples_between(matrix: Tensor) -> int:
    """From one measurement of ``matrix`` to the next."""
    return max(1, round((max(matrix.shape) / CHEAP) ** 2))
