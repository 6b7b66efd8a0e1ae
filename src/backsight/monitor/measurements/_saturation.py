"""The share of units and gates whose slope is nearly nothing."""

from backsight.monitor._iteration import Iteration
from backsight.monitor.measurements._measurement import SAMPLED, Measurement
from backsight.probes import GradientProfile

__all__ = ["Saturation"]


class Saturation(Measurement):
    """Of the states that the reach is read from: tanh states and, gate by gate, sigmoids."""

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
