"""Hidden states, their saturation, and the inputs they are made from."""

from backsight.signals.catalogue._signal import Signal

__all__ = ["SIGNALS"]

SIGNALS = (
    Signal(
        name="hidden_norm_mean",
        title="hidden-state norm, mean",
        formula="mean over t and b of ‖h_{t,b}‖",
        axes=("iteration",),
        unit="hidden-state units",
        reduction="L2 over units, mean over time steps and sequences",
        cost='one pass over the layer\'s output; with every="auto", in every 2nd, 4th, 8th or 16th '
        "iteration only, as needed, where observing takes more than the budget",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="hidden_norm_max",
        title="hidden-state norm, maximum",
        formula="max over t and b of ‖h_{t,b}‖",
        axes=("iteration",),
        unit="hidden-state units",
        reduction="L2 over units, maximum over time steps and sequences",
        cost="shared with hidden_norm_mean",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="hidden_norm",
        title="hidden-state norm",
        formula="mean over b of ‖h_{t,b}‖ for each t; drift shows as a slope along t",
        axes=("iteration", "time"),
        unit="hidden-state units",
        reduction="L2 over units, mean over sequences",
        cost="shared with hidden_norm_mean, plus one row per sampled iteration",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="saturation",
        title="saturated units",
        formula="share of states with |h| > 0.99; for a gate, share of activations within 0.01 "
        "of its bounds; for a user's own module, share of any state that stays within ±1",
        axes=("iteration",),
        unit="1",
        reduction="mean over units, time steps and the sampled sequences",
        cost="shared with grad_time",
        source="Karpathy, Johnson, Fei-Fei 2016",
        per="layer, or layer and gate",
    ),
    Signal(
        name="inactive",
        title="inactive units",
        formula="share of states with h = 0 exactly, where ReLU has no slope; of a cell or a "
        "user's own module, recorded only if some state is 0 and none is negative",
        axes=("iteration",),
        unit="1",
        reduction="mean over units, time steps and the sampled sequences",
        cost="shared with saturation",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="input_spread",
        title="input spread",
        formula="max over features of (max over t and b of x − min over t and b of x)",
        axes=("iteration",),
        unit="that of the layer's input",
        reduction="maximum over features; 0 if all steps of all sequences are equal, NaN if the "
        "input contains a NaN",
        cost="two passes over the layer's input, in sampled iterations and when states are not "
        "finite",
        source="Backsight",
        per="layer",
    ),
)
