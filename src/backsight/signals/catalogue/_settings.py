"""What a training is set to: clips, modes, rates and decay, as its calls show them."""

from backsight.signals.catalogue._signal import Signal

__all__ = ["SIGNALS"]

SIGNALS = (
    Signal(
        name="clip_factor",
        title="shortening by clip_grad_norm_",
        formula="min(1, limit / ‖g‖) at a call between backward and the step; of several, the "
        "product",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="none",
        source="Pascanu et al. 2013",
    ),
    Signal(
        name="clip_misplaced",
        title="clipping that no step reads",
        formula="‖g‖ (or max |g|) as the step reads it / the limit, where clip_grad_norm_ (or "
        "clip_grad_value_) is called before backward or after the step and not in between; minus "
        "that where it is given no parameters; ‖g‖ at "
        "the step / ‖g‖ afterwards where nothing is clipped and gradients are shorter after the "
        "step; else 0",
        axes=("iteration",),
        unit="1",
        reduction="maximum over calls, or over optimizers",
        cost="two more gradient norms, in sampled iterations",
        source="Backsight",
    ),
    Signal(
        name="clip_scaled",
        title="division of gradients after the clip",
        formula="the limit of clip_grad_norm_ (or clip_grad_value_), where it acts, / ‖g‖ (or "
        "max |g|) as the step reads it, where that is above 64; the loss scale, where gradients "
        "were clipped by hand before GradScaler.step divides them by it; else 0",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="none",
        source="Backsight",
    ),
    Signal(
        name="gradient_clamped",
        title="elements of the gradient at a limit",
        formula="elements of the largest matrix whose |g| is max |g| to the bit / those that are "
        "not 0, as a step reads it, where the next largest has the same max |g|; else 0",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="four operations on two matrices, in sampled iterations",
        source="Backsight",
    ),
    Signal(
        name="weights_clamped",
        title="weights at a limit",
        formula="elements of the largest matrix whose |w| is max |w| to the bit / those that are "
        "not 0, where it was moved between backward and the step; else 0",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="shared with gradient_clamped",
        source="Backsight",
    ),
    Signal(
        name="eval_mode",
        title="modules in eval mode",
        formula="modules with dropout or batch normalisation in eval mode at the last backward "
        "pass before a step, where all of them are and so are the models that hold them; 1 where "
        "there are none, and a model in eval mode has functional.dropout drop nothing; else 0",
        axes=("iteration",),
        unit="modules",
        reduction="none",
        cost="a look at each module, in sampled iterations",
        source="Backsight",
    ),
    Signal(
        name="eval_part",
        title="modules in eval mode beside others",
        formula="modules with dropout or batch normalisation in eval mode at the last backward "
        "pass before a step, where others, or a model that holds them, are in training mode",
        axes=("iteration",),
        unit="modules",
        reduction="none",
        cost="shared with eval_mode",
        source="Backsight",
    ),
    Signal(
        name="eval_dropout",
        title="dropout that goes on in evaluation",
        formula="1 where functional.dropout has dropped while a model was in eval mode, without "
        "gradients and without a module with dropout in training mode; 0 where not; of the newest "
        "of the first three evaluations",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="a wrapped function, in evaluations",
        source="Backsight",
    ),
    Signal(
        name="dropout_stopped",
        title="dropout that ended with an evaluation",
        formula="the lowest dropout_rate of all looks before a model first ran without gradients, "
        "where it is 0 in each look since; else 0",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="shared with eval_mode",
        source="Backsight",
    ),
    Signal(
        name="dropout_rate",
        title="highest dropout",
        formula="the highest rate of the dropout modules in training mode, and of dropout near the "
        "loss in its graph, or of the raw input of a layer; 0 if there is none",
        axes=("iteration",),
        unit="1",
        reduction="maximum",
        cost="shared with eval_mode",
        source="Srivastava et al. 2014",
    ),
    Signal(
        name="dropout_silenced",
        title="rows of which dropout leaves nothing",
        formula="pⁿ, the highest of all dropout near the loss that is given n units of each "
        "sequence, (B, n), where p is its rate, of ½ or more; 0 if there is none",
        axes=("iteration",),
        unit="1",
        reduction="maximum",
        cost="shared with eval_mode",
        source="Backsight",
    ),
    Signal(
        name="group_lr",
        title="learning rate of a group",
        formula="η of each group of parameters, as a step is about to use it, where one of them "
        "has a gradient; group_lr/2.0 of the second optimizer",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="a look at the first 16 groups, in sampled iterations",
        source="Backsight",
        per="group",
    ),
    Signal(
        name="group_lr_share",
        title="learning rate relative to its aim",
        formula="η / initial_lr of the first group, where a schedule of PyTorch's has written one; "
        "group_lr_share/2 of the second optimizer",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="shared with group_lr",
        source="PyTorch's documentation of lr_scheduler",
    ),
    Signal(
        name="plateau_best",
        title="highest number that a plateau was given",
        formula="best of a ReduceLROnPlateau(mode='max') of the optimizer, once η has fallen, "
        "where it has fallen as soon as it could after the first number",
        axes=("iteration",),
        unit="that of the number",
        reduction="none",
        cost="a search for the schedule, twice at the most, when η falls",
        source="PyTorch's documentation of ReduceLROnPlateau",
    ),
    Signal(
        name="plateau_first",
        title="first number of a plateau",
        formula="the iteration in which the schedule of plateau_best was first called, if its "
        "calls come at equal distances",
        axes=("iteration",),
        unit="iterations",
        reduction="none",
        cost="shared with plateau_best",
        source="Backsight",
    ),
    Signal(
        name="schedule_calls",
        title="calls of a schedule",
        formula="last_epoch of the only schedule of an optimizer, if it is a OneCycleLR, "
        "CosineAnnealingLR, LinearLR or PolynomialLR; schedule_calls/2 of the second optimizer",
        axes=("iteration",),
        unit="calls",
        reduction="none",
        cost="up to two searches through all objects of the process",
        source="Backsight",
    ),
    Signal(
        name="schedule_share",
        title="share of a schedule that is over",
        formula="schedule_calls / total_steps, total_iters or the last milestone; no cosine",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="shared with schedule_calls",
        source="Backsight",
    ),
    Signal(
        name="schedule_periods",
        title="half periods of a cosine",
        formula="schedule_calls / T_max",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="shared with schedule_calls",
        source="Backsight",
    ),
    Signal(
        name="initial_gain",
        title="gain of the initial weights",
        formula="root mean square of a weight matrix times √n, n its smaller side; once, before "
        "the first step",
        axes=("iteration",),
        unit="1",
        reduction="initial_gain/NAME of each parameter of two axes; embeddings have none",
        cost="the norms of these parameters, once",
        source="Glorot & Bengio 2010",
        per="parameter",
    ),
    Signal(
        name="weights_replaced",
        title="weights that something else has made anew",
        formula="the share of the four largest matrices whose cosine with what the last step left "
        "is below 0.5 when the next backward pass begins; from the second write on that is not the "
        "optimizer's",
        axes=("iteration",),
        unit="1",
        reduction="maximum over optimizers",
        cost="PyTorch's count of writes to four matrices, and one number; up to 2,048 elements of "
        "each once there was a write",
        source="Backsight",
    ),
    Signal(
        name="weights_restored",
        title="weights that are what they began with",
        formula="1 where, when the next backward pass begins, the four largest matrices are what "
        "they were before the optimizer's first step, and were not after its last one; from the "
        "second write on that is not the optimizer's",
        axes=("iteration",),
        unit="1",
        reduction="maximum over optimizers",
        cost="shared with weights_replaced",
        source="Backsight",
    ),
    Signal(
        name="weights_undone",
        title="share of the steps that a write takes back",
        formula="1 - ‖w₁ - w₀‖ / ‖w - w₀‖ of the largest matrices: w₀ as something else than an "
        "optimizer has left them, w after the steps since then, w₁ as they are written next",
        axes=("iteration",),
        unit="1",
        reduction="maximum over the optimizers",
        cost="shared with weights_replaced",
        source="Backsight",
    ),
    Signal(
        name="weights_lost",
        title="share of matrices replaced before another optimizer",
        formula="matrices, of an optimizer's four largest, whose cosine with what they were at the "
        "last look, from iteration 64 on, is below 0.5, where another optimizer makes its first "
        "step that holds all of them and more",
        axes=("iteration",),
        unit="1",
        reduction="maximum over the optimizers",
        cost="a copy of some thousand numbers, rarely",
        source="Backsight",
    ),
    Signal(
        name="put_back",
        title="parameters that are put back after each step",
        formula="parameters that a step moves, up and down, and that the next pass finds to be "
        "exactly what they were, in three looks in a row, while others move; not those that are 0",
        axes=("iteration",),
        unit="parameters",
        reduction="none",
        cost="256 elements of each of 64 parameters, in looks",
        source="Backsight",
    ),
    Signal(
        name="decay_ratio",
        title="weight decay relative to the gradient",
        formula="‖λθ‖ / ‖g‖ over the parameters that are decayed; where the optimizer decays them "
        "by themselves, ‖ηλθ‖ / ‖Δθ + ηλθ‖ over up to 1024 elements of each; 0 without decay",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="the norms of weights and gradients, in sampled iterations",
        source="Loshchilov & Hutter 2019",
    ),
    Signal(
        name="decayed_norm",
        title="norm of the weights that are decayed",
        formula="‖θ‖ over the parameters that are decayed, when the step begins (or has ended)",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="shared with decay_ratio",
        source="Backsight",
    ),
    Signal(
        name="fragile_decay",
        title="weight decay of time constants",
        formula="λ of the group of each parameter that says how fast a state fades (A_log, dt_bias "
        "and the like, by name) or is marked _no_weight_decay; and the largest of all, 0 if there "
        "is none",
        axes=("iteration",),
        unit="1",
        reduction="none, and the maximum",
        cost="a look at the names, in the first samples and then rarely",
        source="Gu & Dao 2023",
        per="parameter, and in all",
    ),
    Signal(
        name="fragile_marked",
        title="decayed parameters that are marked not to be",
        formula="parameters with the attribute _no_weight_decay in a group with λ > 0",
        axes=("iteration",),
        unit="parameters",
        reduction="none",
        cost="shared with fragile_decay",
        source="Gu & Dao 2023",
    ),
    Signal(
        name="fragile_half",
        title="time constants in half precision",
        formula="parameters of fragile_decay whose dtype is float16 or bfloat16",
        axes=("iteration",),
        unit="parameters",
        reduction="none",
        cost="shared with fragile_decay",
        source="Gu & Dao 2023",
    ),
    Signal(
        name="half_steps",
        title="sums in half precision",
        formula="the most sums in a row in the graph of L, each rounded to half precision before "
        "the next one adds to it",
        axes=("iteration",),
        unit="sums",
        reduction="maximum over passes",
        cost="a look at each operation of the graph",
        source="Backsight",
    ),
    Signal(
        name="half_lost",
        title="steps rounded away",
        formula="of the weights in float16 or bfloat16 that have a gradient, the share that a step "
        "leaves exactly as they were",
        axes=("iteration",),
        unit="1",
        reduction="up to 2,048 elements a parameter; half_lost/NAME of one parameter",
        cost="a copy of these elements",
        source="Backsight",
        per="parameter, and in all",
    ),
    Signal(
        name="half_overflow",
        title="numbers out of the range of float16",
        formula="1 where the loss is not finite and, of all that autograd keeps, the first number "
        "that is not was made in float16, of finite ones",
        axes=("iteration",),
        unit="1",
        reduction="the first of three losses in a row that are not finite",
        cost="nothing while the loss is finite",
        source="Backsight",
        per="operation",
    ),
    Signal(
        name="half_eps",
        title="eps that is 0 in half precision",
        formula="parameters in float16 of an optimizer whose eps is 0 in float16",
        axes=("iteration",),
        unit="parameters",
        reduction="none",
        cost="a look at the settings of the optimizer",
        source="Backsight",
    ),
    Signal(
        name="fragile_zero",
        title="biases of the step size that are 0",
        formula="parameters called dt_bias, or dt_proj.bias, that were 0 everywhere at first",
        axes=("iteration",),
        unit="parameters",
        reduction="none",
        cost="shared with fragile_decay",
        source="Gu & Dao 2023",
    ),
)
