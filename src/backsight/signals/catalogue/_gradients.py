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
        reduction="L2 over all parameters that have a gradient; a member covers one parameter",
        cost="one pass over the gradients; members only in sampled iterations",
        source="Pascanu, Mikolov, Bengio 2013, §3.2",
        per="parameter",
    ),
    Signal(
        name="grad_norm_applied",
        title="gradient norm as applied",
        formula="‖∂L/∂θ‖ when the optimizer reads it; divided by grad_norm, it gives the clip "
        "factor",
        axes=("iteration",),
        unit="loss per unit of parameter",
        reduction="L2 over all parameters that have a gradient",
        cost="one pass over the gradients",
        source="Pascanu, Mikolov, Bengio 2013, §3.2",
    ),
    Signal(
        name="grad_norm_floor",
        title="gradient that is as long as ε",
        formula="ε √(elements that the optimizer moves), of an optimizer that divides each element "
        "of a gradient by its usual size (Adam, AdamW, Adamax, NAdam, RAdam, RMSprop): the length "
        "of gradients far above it does not matter; 0 of another optimizer; grad_norm_floor/2 for "
        "the second optimizer",
        axes=("iteration",),
        unit="loss / weight",
        reduction="largest ε of all groups",
        cost="none",
        source="Kingma and Ba 2015",
    ),
    Signal(
        name="grad_time",
        title="gradient over time",
        formula="mean over b of ‖∂L/∂h_{t,b}‖, through the output of step t and through every "
        "later step",
        axes=("iteration", "time"),
        unit="loss per hidden-state unit",
        reduction="L2 over units, mean over the sampled sequences that have the step. In a packed "
        "batch, and in a loop whose batch gets smaller or larger, these are the sequences that are "
        "there. In a loop that hands the state of a sequence on unchanged before it begins and "
        "after it ends, those copies are no steps. Padding that a layer runs over, or that is "
        "embedded, has steps: where the loss ignores it, their gradient is 0",
        cost="a replay of the layer, in sampled iterations",
        source="Backsight; Bengio, Simard, Frasconi 1994. With a loss at every step, this "
        "signal cannot show that the gradient vanishes; reach can",
        per="layer",
    ),
    Signal(
        name="grad_time_cell",
        title="cell-state gradient over time",
        formula="mean over b of ‖∂L/∂c_{t,b}‖, including the path through h_t",
        axes=("iteration", "time"),
        unit="loss per cell-state unit",
        reduction="L2 over units, mean over the sampled sequences that have the step, as of "
        "grad_time",
        cost="shared with grad_time",
        source="Hochreiter, Schmidhuber 1997",
        per="layer",
    ),
    Signal(
        name="reach",
        title="reach of the gradient",
        formula="R(k) = E_b‖∂ℓ_b/∂h_{t-k}‖ / E_b‖∂ℓ_b/∂h_t‖, where t is the last step with a "
        "direct gradient, in the layer's own processing order, and ℓ_b is the loss through that "
        "step alone; relative to P = max over k ≥ 1 where lag 0 gets no gradient",
        axes=("iteration", "lag"),
        unit="1",
        reduction="L2 over units, mean over the sampled sequences that have the lag",
        cost="shared with grad_time; for cells and embedded inputs, two backward passes",
        source="Backsight; Pascanu, Mikolov, Bengio 2013, §2.1",
        per="layer",
    ),
    Signal(
        name="reach_ahead",
        title="reach of the gradient towards later inputs",
        formula="E_b‖∂ℓ_b/∂x_{t+k}‖ / E_b‖∂ℓ_b/∂x_t‖, where x is the embedded input, t the first "
        "step with a direct gradient, and ℓ_b the loss through that step alone",
        axes=("iteration", "lag"),
        unit="1",
        reduction="L2 over features, mean over the sequences that have the lag",
        cost="one more backward pass; only where the model is not causal",
        source="Backsight",
        per="input",
    ),
    Signal(
        name="block_reach",
        title="reach of the gradient at a block",
        formula="as reach, on what a block of a stack is called with: ∂ℓ_b/∂x_{t-k} of the "
        "input x of the block",
        axes=("iteration", "lag"),
        unit="1",
        reduction="L2 over features, mean over the sequences that have the lag",
        cost="shared with reach: the same backward pass goes through all blocks",
        source="Backsight",
        per="block",
    ),
    Signal(
        name="reach_share",
        title="reach relative to the strongest earlier step",
        formula="R(k) / max over j ≥ 1 of R(j), each over those sequences alone that have lag k; "
        "recorded only if the sampled sequences have different numbers of lags, and 0 if no "
        "gradient goes back in time",
        axes=("iteration", "lag"),
        unit="1",
        reduction="L2 over units, mean over the sampled sequences that have the lag",
        cost="shared with reach",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="graph_end",
        title="end of the graph",
        formula="largest k to which the graph leads from ℓ_b, in any sampled sequence: below the "
        "last lag of reach where a state was detached; -1 if the graph cannot be asked, as for an "
        "embedded input",
        axes=("iteration",),
        unit="steps",
        reduction="maximum over the sampled sequences",
        cost="none: known from reach",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="last_column",
        title="batch read at its last column alone",
        formula="B if ∂L/∂h_{t,b} through the output is not zero for the last of B sequences at "
        "every step, exactly zero for all others, and the loss takes that sequence by an index; "
        "B + 1/2 if the same is so of the first one as well, of at least four; otherwise 0. Not "
        "recorded for packed sequences, nor for a single step or sequence, nor for a loop of "
        "fewer than three steps",
        axes=("iteration",),
        unit="sequences",
        reduction="none",
        cost="a look at the gradient of the last step",
        source="Backsight",
        per="layer: the top one of a module of fused layers; of a loop, each",
    ),
    Signal(
        name="underflow",
        title="gradient that underflows",
        formula="1 if R(k) is exactly 0 from some lag on, and the gradient before, at the rate at "
        "which it decays, is smaller one step on than any number of its dtype; recorded only then",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="none: known from reach",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="begun_anew",
        title="sequences that begin anew",
        formula="share of the sequences whose state begins anew between the first step and the "
        "position of reach, as where a mask resets it; recorded only above 0",
        axes=("iteration",),
        unit="1",
        reduction="mean over the sampled sequences",
        cost="none: known from reach",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="half_life",
        title="half-life of the gradient",
        formula="the lag from which R(k) stays ≤ P/2, where P = max R(k) over k ≥ 1; if there is "
        "none, the last lag, which is then a lower bound; 1 if P < 1e-6",
        axes=("iteration",),
        unit="steps",
        reduction="none",
        cost="none: computed from reach",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="horizon",
        title="horizon of the gradient",
        formula="largest k ≥ 1 with R(k) ≥ 0.01·P, where P = max R(k) over k ≥ 1; if that is the "
        "last lag, it is a lower bound; 0 if P < 1e-6, when no gradient goes back in time",
        axes=("iteration",),
        unit="steps",
        reduction="none",
        cost="none: computed from reach",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="growth_rate",
        title="growth rate of the gradient",
        formula="least-squares slope of ln R(k) over the lags k ≥ 1 with R(k) ≥ 1e-6·P, where "
        "P = max R(k) over k ≥ 1; a negative slope means decay",
        axes=("iteration",),
        unit="1/step",
        reduction="none",
        cost="none: computed from reach",
        source="Backsight; the largest Lyapunov exponent is its limit (Vogt et al. 2022)",
        per="layer",
    ),
)
