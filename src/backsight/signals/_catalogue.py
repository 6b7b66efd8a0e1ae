"""What each signal is: the vocabulary that recorder, figures and docs share.

A *family* is defined once. A recorded signal is either the family itself (``loss``) or a
member named after what it was measured on (``hidden_norm/rnn.l0``).

Notation: ``T`` steps, ``B`` sequences, ``H`` hidden units; ``h_t`` the hidden state after
step ``t``, which counts forward from 0; ``‖·‖`` the L2 norm over units; ``θ`` all
parameters; ``L`` the scalar that backward was called on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["CATALOGUE", "Signal", "describe", "family", "member"]


@dataclass(frozen=True, slots=True)
class Signal:
    """The definition of one family of signals."""

    name: str
    """Family name, as recorded."""
    title: str
    """A short name for axes and legends."""
    formula: str
    """How the number is computed."""
    axes: tuple[str, ...]
    """``("iteration",)`` for a scalar; a second axis makes it a profile."""
    unit: str
    reduction: str
    """What was averaged or maximised away to arrive at the axes."""
    cost: str
    """What measuring it adds to a training step."""
    source: str
    """Where the definition comes from."""
    per: str | None = None
    """What a member is named after (``layer``), or None where there is only one.

    Where a run has several models or optimizers, every family has members: theirs.
    """

    @property
    def is_profile(self) -> bool:
        """True where one sample is a row of numbers rather than a single one."""
        return len(self.axes) > 1


_DEFINITIONS = (
    Signal(
        name="loss",
        title="training loss",
        formula="L, the scalar that backward was called on, without any loss scaling",
        axes=("iteration",),
        unit="nats per character (text) or per answer (memory tasks), or a squared error (values)",
        reduction="as the loss itself; mean over data-parallel processes",
        cost="none: the value is already there",
        source="the training loop",
    ),
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
        name="input_spread",
        title="spread of the input",
        formula="max over features of (max over t and b of x − min over t and b of x)",
        axes=("iteration",),
        unit="as the layer's input",
        reduction="largest feature; 0 where every step of every sequence is the same, NaN where "
        "the input holds a NaN",
        cost="two passes over the layer's input, in sampled iterations and where states are not "
        "finite",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="context_loss",
        title="loss by context",
        formula="mean loss at positions that see exactly c steps, for each c of context_length",
        axes=("iteration", "context"),
        unit="as the loss",
        reduction="mean over positions",
        cost="one evaluation a length, when it is asked for",
        source="Khandelwal et al. 2018, context truncation at test time",
    ),
    Signal(
        name="context_length",
        title="context length",
        formula="the lengths c that context_loss was asked at",
        axes=("iteration", "context"),
        unit="steps",
        reduction="none",
        cost="none",
        source="Backsight",
    ),
    Signal(
        name="usable_context",
        title="usable context",
        formula="smallest c from which on context_loss is within 1 % of that at full context",
        axes=("iteration",),
        unit="steps",
        reduction="none",
        cost="none: from context_loss",
        source="Khandelwal et al. 2018",
    ),
    Signal(
        name="hidden_norm_mean",
        title="hidden-state norm, mean",
        formula="mean over t and b of ‖h_{t,b}‖",
        axes=("iteration",),
        unit="hidden-state units",
        reduction="L2 over units, mean over time steps and sequences",
        cost="one pass over the layer's output",
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
        cost="shared with hidden_norm_mean, plus one row a sampled iteration",
        source="Backsight",
        per="layer",
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
    Signal(
        name="saturation",
        title="saturated units",
        formula="share of states with |h| > 0.99; for a gate, share of activations within 0.01 "
        "of its bounds",
        axes=("iteration",),
        unit="1",
        reduction="over units, steps and the sampled sequences",
        cost="shared with grad_time",
        source="Karpathy, Johnson, Fei-Fei 2016",
        per="layer, or layer and gate",
    ),
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
        formula="‖θ_p after the step - before‖ / ‖θ_p before‖; 1 for a step away from zero",
        axes=("iteration",),
        unit="1",
        reduction="L2 over a parameter's elements; of more than 2^17, over evenly spaced ones",
        cost="a copy of the parameters, in sampled iterations",
        source="Karpathy 2015 (CS231n)",
        per="parameter",
    ),
    Signal(
        name="spectral_radius",
        title="spectral radius",
        formula="max |λ| of W_hh; of a GRU or an LSTM, of the rows that make the new state or the "
        "candidate",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="eigenvalues of an H×H matrix, so seldom that they take 0.25 % of the time",
        source="Pascanu, Mikolov, Bengio 2013, §2.1",
        per="layer",
    ),
    Signal(
        name="sigma_max",
        title="largest singular value",
        formula="σ_max of the same matrix: above 1 the gradient may explode",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="shared with spectral_radius",
        source="Pascanu, Mikolov, Bengio 2013, §2.1",
        per="layer",
    ),
    Signal(
        name="lr",
        title="learning rate",
        formula="the optimizer's learning rate in this step (first parameter group)",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="none",
        source="the optimizer",
    ),
    Signal(
        name="momentum",
        title="momentum",
        formula="the optimizer's momentum, or Adam's β₁, in this step (first parameter group)",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="none",
        source="the optimizer",
    ),
    Signal(
        name="act_before",
        title="before an act of the guard",
        formula="what a policy changed, as it was: a gradient norm, a factor on the rate, an "
        "iteration; why is told by the run's events",
        axes=("iteration",),
        unit="as the policy says",
        reduction="none; only iterations in which the policy acted",
        cost="none",
        source="the guard",
        per="policy",
    ),
    Signal(
        name="act_after",
        title="after an act of the guard",
        formula="the same, as the policy left it",
        axes=("iteration",),
        unit="as the policy says",
        reduction="none; only iterations in which the policy acted",
        cost="none",
        source="the guard",
        per="policy",
    ),
    Signal(
        name="seq_len",
        title="sequence length",
        formula="T, the number of steps unrolled in this iteration",
        axes=("iteration",),
        unit="steps",
        reduction="none",
        cost="none",
        source="the training loop",
    ),
    Signal(
        name="tokens_per_second",
        title="throughput",
        formula="B·T of this iteration over all processes, divided by the wall time since the "
        "previous one ended (time spent in validation left out)",
        axes=("iteration",),
        unit="1/s",
        reduction="none",
        cost="one clock reading",
        source="the training loop",
    ),
    Signal(
        name="val_loss",
        title="validation loss",
        formula="mean of -ln p(target) over the validation windows of a text, where divided by "
        "ln 2 it is bits a character, or over held-out sequences of a memory task; where a value "
        "is asked for, the mean squared error",
        axes=("iteration",),
        unit="nats per character (text) or per answer (memory tasks), or a squared error (values)",
        reduction="mean over positions that have a target",
        cost="forward passes over what is held out, every validate_every iterations",
        source="the training loop",
    ),
    Signal(
        name="val_error",
        title="wrong answers",
        formula="share of held-out answers of another class, or of a value off by the tolerance of "
        "the task's criterion or more; what is not finite is wrong",
        axes=("iteration",),
        unit="1",
        reduction="mean over positions that have a target",
        cost="none: shared with val_loss",
        source="the training loop, in memory tasks",
    ),
    Signal(
        name="val_sequence_error",
        title="sequences with a wrong answer",
        formula="share of held-out sequences with a wrong answer: what solving a task is about",
        axes=("iteration",),
        unit="1",
        reduction="mean over sequences",
        cost="none: shared with val_loss",
        source="the training loop, in memory tasks",
    ),
)

CATALOGUE: Mapping[str, Signal] = MappingProxyType({s.name: s for s in _DEFINITIONS})


def family(name: str) -> str:
    """The family part of a recorded name: ``hidden_norm/rnn.l0`` → ``hidden_norm``."""
    return name.partition("/")[0]


def member(name: str) -> str:
    """The member part of a recorded name, empty where there is none: ``rnn.l0``."""
    return name.partition("/")[2]


def describe(name: str) -> Signal | None:
    """The definition behind a recorded name, or None for a signal the user made up."""
    return CATALOGUE.get(family(name))
