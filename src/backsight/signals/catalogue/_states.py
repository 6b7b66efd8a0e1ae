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
        name="memory",
        title="memory of the state",
        formula="M(k) = E_b‖h_t − h_t^(k)‖ / max(E_b‖h_t − h_t^(0)‖, 0.001 E_b‖h_t‖) for each k of "
        "memory_lag, where t is the position of reach and h^(k) has the same last k inputs, and "
        "the older inputs and the initial state of another sequence",
        axes=("iteration", "lag"),
        unit="1",
        reduction="L2 over units, mean over the sampled sequences that have the lag and differ in "
        "what lies before it. The other sequence is the next one of the sampled ones, counted back "
        "from its own position. Dropout is off. Of a block of a stack, h is what it returns, and "
        "its inputs are what it is called with",
        cost="the work of at most 2.5 forward passes, in every 4th sampled iteration; of small "
        "layers more, where that takes less time",
        source="Backsight",
        per="layer or block",
    ),
    Signal(
        name="memory_lag",
        title="lag of the memory",
        formula="the lags k at which memory is measured: 1, 2, 4, … and the number of steps over "
        "which the sampled sequences differ",
        axes=("iteration", "lag"),
        unit="steps",
        reduction="none",
        cost="none",
        source="Backsight",
        per="layer or block",
    ),
    Signal(
        name="memory_loss",
        title="loss with another past",
        formula="mean over b of the loss of h_t^(k) for each k of memory_lag; recorded only if one "
        "linear layer and one of PyTorch's losses are all that lies between the state and the loss",
        axes=("iteration", "lag"),
        unit="that of the loss",
        reduction="mean over the sequences that are compared, each at its position",
        cost="shared with memory: the layer and the loss of these states",
        source="Backsight; Khandelwal et al. 2018 truncate the context instead",
        per="layer",
    ),
    Signal(
        name="memory_length",
        title="memory length",
        formula="smallest k of memory_lag with M(k) ≤ 0.1; if that is the last one, or if there is "
        "none, it is the largest k with M(k) > 0.1, which is then a lower bound",
        axes=("iteration",),
        unit="steps",
        reduction="none",
        cost="none: computed from memory",
        source="Backsight",
        per="layer or block",
    ),
    Signal(
        name="memory_alike",
        title="last steps that are alike",
        formula="how many of the last steps up to the position of reach are the same in all "
        "sequences that are compared; ∞ where they do not differ at all; recorded in place of "
        "memory where another past moves the state by no more than rounding",
        axes=("iteration",),
        unit="steps",
        reduction="minimum over the sequences that are compared",
        cost="shared with memory",
        source="Backsight",
        per="layer or block",
    ),
    Signal(
        name="state_half_life",
        title="half-lives of a state",
        formula="quantiles at 0, 5, …, 100 % of the channels of ln 2 / −mean over t and b of "
        "ln |a_t|, where a_t is the diagonal transition of the channel (∂h_t/∂h_{t−1}); ∞ where it "
        "is 1 or more, 0 where it is 0 at any step",
        axes=("iteration", "quantile"),
        unit="steps",
        reduction="mean over time steps and sequences, then quantiles over channels (inverse of "
        "the empirical distribution: always one channel's value); NaN if one channel has it",
        cost="the gates of each layer once more, from what the forward pass has computed, in "
        "sampled iterations",
        source="Backsight; ∂h_T/∂h_s = Π a_t, as in Orvieto et al. 2023 and Gu & Dao 2023",
        per="layer",
    ),
    Signal(
        name="state_half_life_bound",
        title="half-lives of a state, upper bound",
        formula="as state_half_life, of a layer whose transition is a matrix times a decay (the "
        "delta rule, RWKV-7): a_t is the decay alone, and the state forgets at least as fast",
        axes=("iteration", "quantile"),
        unit="steps",
        reduction="as state_half_life",
        cost="shared with state_half_life",
        source="Backsight; Yang, Kautz & Hatamizadeh 2025; Peng et al. 2025",
        per="layer",
    ),
    Signal(
        name="state_beyond",
        title="channels with a long half-life",
        formula="share of channels whose half-life is longer than each of state_beyond_steps",
        axes=("iteration", "threshold"),
        unit="1",
        reduction="mean over channels",
        cost="shared with state_half_life",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="state_beyond_steps",
        title="steps of the long half-lives",
        formula="64, 512 and the steps T of the forward pass",
        axes=("iteration", "threshold"),
        unit="steps",
        reduction="T is that of the longest call; of calls with a single step, their number",
        cost="none",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="lyapunov",
        title="Lyapunov exponents",
        formula="mean over t of ln |R_t[i, i]|, where ∂s_t/∂s_{t−1} Q_{t−1} = Q_t R_t (QR) and "
        "Q_0 = I, in descending order; s_t is h_t and, in an LSTM, c_t",
        axes=("iteration", "exponent"),
        unit="nats per step",
        reduction="mean over the steps of at most 8 sequences, without the first quarter. -inf if "
        "a step loses a direction. Dropout is off",
        cost="one backward pass of as many sequences as the state has units, and one QR "
        "decomposition, per step; on request, or every deep iterations",
        source="Benettin et al. 1980; Engelken, Wolf & Abbott 2023",
        per="layer",
    ),
    Signal(
        name="lyapunov_steps",
        title="steps of the Lyapunov exponents",
        formula="the steps of the longest sequence over which lyapunov is the mean",
        axes=("iteration",),
        unit="steps",
        reduction="maximum over sequences",
        cost="none",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="memory_capacity",
        title="memory capacity",
        formula="Σ_k r²(u_{t−k}, a_k·h_t) over lags k = 0, 1, …, where white noise u of the size "
        "of the layer's input drives it and a_k is the best linear readout",
        axes=("iteration",),
        unit="inputs",
        reduction="sum over lags, up to twice the units, at least 64 and at most 400. Readouts are "
        "fitted to one half of the sequences and tested on the other",
        cost="some hundred steps of the layer on some hundred sequences; on request, or every deep "
        "iterations",
        source="Jaeger 2002",
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
