"""What training goes by: the loss, the rate, the length of the sequences, interventions."""

from backsight.signals.catalogue._signal import Signal

__all__ = ["SIGNALS"]

SIGNALS = (
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
)
