"""The training itself: loss, learning rate, sequence length, throughput, interventions."""

from backsight.signals.catalogue._signal import Signal

__all__ = ["SIGNALS"]

SIGNALS = (
    Signal(
        name="loss",
        title="training loss",
        formula="L, the scalar on which backward is called, without any loss scaling",
        axes=("iteration",),
        unit="nats per character (text), nats per answer (memory tasks) or squared error (tasks "
        "that ask for a value)",
        reduction="that of the loss function; mean over data-parallel processes",
        cost="none: training computes the loss anyway",
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
        name="adversary",
        title="trained against another model",
        formula="1 once a loss of this model has gone through another observed model, or one of "
        "the other's through this, and only one of them has stepped on it; recorded only then",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="none",
        source="Backsight",
    ),
    Signal(
        name="target_replaced",
        title="a target network",
        formula="1 once another model with parameters of the same shapes, which nothing trains and "
        "which has answered with the same weights in 5 or more iterations in a row, has got "
        "others; recorded only then, of scripts that are observed as a whole",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="none",
        source="Backsight",
    ),
    Signal(
        name="act_before",
        title="before an intervention",
        formula="the quantity that the policy changed, before the change: a gradient norm, a "
        "factor on the learning rate, an iteration; the run's events give the cause",
        axes=("iteration",),
        unit="that of the quantity",
        reduction="none; recorded only in iterations in which the policy acts",
        cost="none",
        source="the guard",
        per="policy",
    ),
    Signal(
        name="act_after",
        title="after an intervention",
        formula="the same quantity, after the change",
        axes=("iteration",),
        unit="that of the quantity",
        reduction="none; recorded only in iterations in which the policy acts",
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
        formula="B·T of this iteration, summed over all processes, divided by the wall time since "
        "the end of the previous iteration, not counting validation",
        axes=("iteration",),
        unit="1/s",
        reduction="none",
        cost="one clock reading per iteration",
        source="the training loop",
    ),
)
