"""Gradients: their norm, and how far back in time they reach."""

from backsight.signals.catalogue._signal import Signal

__all__ = ["SIGNALS"]

SIGNALS = (
    Signal(
        name="grad_norm",
        title="gradient norm before clipping",
        formula="‖∂L/∂θ‖ after backward, before any clipping",
        axes=("iteration",),
        unit="loss per unit of parameter",
        reduction="L2 over all parameters that have a gradient; a member is one of them",
        cost="one pass over the gradients; members in sampled iterations",
        source="Pascanu, Mikolov, Bengio 2013, §3.2",
        per="parameter",
    ),
    Signal(
        name="grad_norm_applied",
        title="gradient norm as applied",
        formula="‖∂L/∂θ‖ at the moment the optimizer reads it; divided by grad_norm it is the "
        "clip factor",
        axes=("iteration",),
        unit="loss per unit of parameter",
        reduction="L2 over all parameters that have a gradient",
        cost="one pass over the gradients",
        source="Pascanu, Mikolov, Bengio 2013, §3.2",
    ),
    Signal(
        name="grad_time",
        title="gradient over time",
        formula="mean over b of ‖∂L/∂h_{t,b}‖: from the step's own output and from every later "
        "step",
        axes=("iteration", "time"),
        unit="loss per hidden-state unit",
        reduction="L2 over units, mean over the sampled sequences",
        cost="a replay of the layer, in sampled iterations",
        source="Backsight; Bengio, Simard, Frasconi 1994. With a loss at every step it does not "
        "show vanishing: reach does",
        per="layer",
    ),
    Signal(
        name="grad_time_cell",
        title="gradient over time on the cell state",
        formula="mean over b of ‖∂L/∂c_{t,b}‖, the path through h_t included",
        axes=("iteration", "time"),
        unit="loss per cell-state unit",
        reduction="L2 over units, mean over the sampled sequences",
        cost="shared with grad_time",
        source="Hochreiter, Schmidhuber 1997",
        per="layer",
    ),
    Signal(
        name="reach",
        title="reach of the gradient",
        formula="R(k) = E_b‖∂ℓ_b/∂h_{t-k}‖ / E_b‖∂ℓ_b/∂h_t‖, where t is the last step, in the "
        "layer's own processing order, with a direct gradient, and ℓ_b the loss through that "
        "step alone",
        axes=("iteration", "lag"),
        unit="1",
        reduction="L2 over units, mean over the sampled sequences that have the lag",
        cost="shared with grad_time; of cells and embedded inputs two backward passes",
        source="Backsight; Pascanu, Mikolov, Bengio 2013, §2.1",
        per="layer",
    ),
    Signal(
        name="half_life",
        title="half-life of the gradient",
        formula="smallest k with R(k) ≤ 1/2; the last lag where there is none: then it is at "
        "least that",
        axes=("iteration",),
        unit="steps",
        reduction="none",
        cost="none: from reach",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="horizon",
        title="horizon of the gradient",
        formula="largest k with R(k) ≥ 0.01; where that is the last lag, it is at least that",
        axes=("iteration",),
        unit="steps",
        reduction="none",
        cost="none: from reach",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="growth_rate",
        title="growth rate of the gradient",
        formula="least-squares slope of ln R(k) over k, where R > 1e-30; negative decays",
        axes=("iteration",),
        unit="1/step",
        reduction="none",
        cost="none: from reach",
        source="Backsight; the largest Lyapunov exponent is its limit (Vogt et al. 2022)",
        per="layer",
    ),
)
