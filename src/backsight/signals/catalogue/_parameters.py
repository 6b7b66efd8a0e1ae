"""Parameters, how far a step moves them, and their spectra."""

from backsight.signals.catalogue._signal import Signal

__all__ = ["SIGNALS"]

SIGNALS = (
    Signal(
        name="weight_norm",
        title="weight norm",
        formula="‖θ_p‖ after the step",
        axes=("iteration",),
        unit="weight",
        reduction="L2 over a parameter's elements",
        cost="one pass over the parameters, in sampled iterations",
        source="the model",
        per="parameter",
    ),
    Signal(
        name="update_ratio",
        title="update ratio",
        formula="‖θ_p after the step - θ_p before it‖ / ‖θ_p before it‖; 1 if θ_p was zero and "
        "the step moved it",
        axes=("iteration",),
        unit="1",
        reduction="L2 over a parameter's elements; if there are more than 2^17, over evenly spaced "
        "ones",
        cost="a copy of the parameters, in sampled iterations",
        source="Karpathy 2015 (CS231n)",
        per="parameter",
    ),
    Signal(
        name="update_rms",
        title="root mean square of an update",
        formula="√(mean of (θ_i after the step - θ_i before it)²) over all elements of the "
        "parameters that the optimizer moves; update_rms/2 for the second optimizer",
        axes=("iteration",),
        unit="weight",
        reduction="root mean square; of parameters with more than 2^17 elements, over evenly "
        "spaced ones",
        cost="shared with update_ratio",
        source="Backsight",
    ),
    Signal(
        name="effective_lr",
        title="effective learning rate",
        formula="‖Δθ‖ / ‖∂L/∂θ‖ of a step, with the gradient as the optimizer reads it: the "
        "learning rate that plain SGD would need for a step of the same length; 0 "
        "where there is no gradient; effective_lr/2 for the second optimizer",
        axes=("iteration",),
        unit="weight / gradient",
        reduction="L2 over all parameters that the optimizer moves",
        cost="another gradient norm, in sampled iterations",
        source="Backsight",
    ),
    Signal(
        name="clipped_share",
        title="share of steps clipped",
        formula="of the last 100 iterations up to this one, those in which the step read a "
        "gradient that had been shortened: by clip_grad_norm_ (‖g‖ above the limit) or "
        "clip_grad_value_ (max |g| above it), called after backward and before the step, or by a "
        "clip of the guard; recorded from the first such call or act on, not in the built-in "
        "trainer",
        axes=("iteration",),
        unit="1",
        reduction="mean over iterations",
        cost="a comparison per call; of clip_grad_value_, a pass over the gradients",
        source="Backsight",
    ),
    Signal(
        name="clips_unread",
        title="iterations with a clip too late",
        formula="the iterations so far with a call of clip_grad_norm_ (‖g‖ above the limit) or "
        "clip_grad_value_ (max |g| above it) after the step, where there is none yet between "
        "backward and a step; 0 where there is; recorded from the first such call on",
        axes=("iteration",),
        unit="1",
        reduction="sum over iterations",
        cost="none",
        source="Backsight",
    ),
    Signal(
        name="gate_moved",
        title="motion of a gate's weights",
        formula="‖θ_g - θ_g at the newest sampled iteration before‖ / ‖θ_g then‖, before the step; "
        "θ_g: all rows that make one gate of one recurrent layer, or what another module holds",
        axes=("iteration",),
        unit="1",
        reduction="L2 over the gate's elements; of each parameter's rows at most 2^14, evenly "
        "spaced",
        cost="a copy of as many elements, in sampled iterations; a comparison with it, also in "
        "iterations in which the norm of the gradient is above 3 times its usual value (not in the "
        "built-in trainer)",
        source="Backsight",
        per="gate",
    ),
    Signal(
        name="gate_growth",
        title="growth of a gate's weights",
        formula="gate_moved / what it usually is after as many iterations: the median of 5 "
        "samples, each multiplied by r or √r, whichever is larger, with r the iterations since the "
        "newest sample over those of that sample",
        axes=("iteration",),
        unit="1",
        reduction="the same",
        cost="shared with gate_moved",
        source="Backsight",
        per="gate",
    ),
    Signal(
        name="sharpness",
        title="sharpness along the step",
        formula="ρ = uᵀH'u / g'ᵀu with u = η d: d is what the optimizer makes of the gradient g' "
        "without momentum (SGD: g', Adam: g'/(√v̂ + ε)), unclipped; g' and H' are the gradient and "
        "the curvature of the loss with the weight decay that is added to the gradient. NaN if a "
        "gradient is not finite",
        axes=("iteration",),
        unit="1",
        reduction="over all parameters that have a gradient; each group with its own η",
        cost="one more forward and backward pass, for the gradient at θ + εu; on request",
        source="Cohen et al. 2021; Bai 2026 (arXiv 2506.04805)",
    ),
    Signal(
        name="sharpness_limit",
        title="limit of the sharpness",
        formula="2 for plain SGD, 2(1 + β) with momentum, 2(1 + β₁)/(1 − β₁) for Adam: on a "
        "quadratic, steps with a larger ρ grow",
        axes=("iteration",),
        unit="1",
        reduction="minimum over parameter groups",
        cost="none",
        source="Cohen et al. 2021",
    ),
    Signal(
        name="spectral_radius",
        title="spectral radius",
        formula="max |λ| of W_hh; for a GRU or an LSTM, of the rows of W_hh that compute the new "
        "state or the candidate",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="eigenvalues of an H×H matrix, computed so rarely that they take 0.25 % of the time",
        source="Pascanu, Mikolov, Bengio 2013, §2.1",
        per="layer",
    ),
    Signal(
        name="sigma_max",
        title="largest singular value",
        formula="σ_max of the same matrix; if it is above 1, the gradient may explode",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="shared with spectral_radius",
        source="Pascanu, Mikolov, Bengio 2013, §2.1",
        per="layer",
    ),
)
