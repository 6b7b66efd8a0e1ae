"""The share of units and gates whose slope is nearly nothing."""

from backsight.monitor._iteration import Iteration
from backsight.monitor.measurements._measurement import SAMPLED, Measurement
from backsight.probes import GradientProfile

__all__ = ["Saturation"]


class Saturation(Measurement):
    """Of the states that the reach is read from: tanh states and, gate by gate, sigmoids.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.GRU(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     loss = rnn(torch.randn(20, 2, 3))[0][-1].square().mean()
        ...     loss.backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine").members("saturation")
        ('saturation/l0', 'saturation/l0.new', 'saturation/l0.reset', 'saturation/l0.update')
    """

    name = "saturation"
    signals = ("saturation",)
    schedule = SAMPLED

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it by layer and gate."""

        def record(path: str, profile: GradientProfile) -> None:
            if profile.outcome == "not enough data":
                return
            for gate, share in profile.saturation.items():
                now.record(f"saturation/{path or 'model'}{'.' * bool(gate)}{gate}", share)

        self.each_layer(now.profiles, record)
