"""Validation: loss and errors on held-out sequences, and the context that the model uses."""

from backsight.signals.catalogue._signal import Signal

__all__ = ["SIGNALS"]

SIGNALS = (
    Signal(
        name="val_loss",
        title="validation loss",
        formula="mean of -ln p(target) over the validation windows of a text (divided by ln 2, it "
        "is in bits per character) or over the held-out sequences of a memory task; if the task "
        "asks for a value, the mean squared error",
        axes=("iteration",),
        unit="nats per character (text), nats per answer (memory tasks) or squared error (tasks "
        "that ask for a value)",
        reduction="mean over positions that have a target",
        cost="forward passes over the held-out data, every validate_every iterations",
        source="the training loop",
    ),
    Signal(
        name="val_error",
        title="wrong answers",
        formula="share of held-out answers that are wrong: the wrong class, a value whose error is "
        "at least the tolerance of the task's criterion, or an output that is not finite",
        axes=("iteration",),
        unit="1",
        reduction="mean over positions that have a target",
        cost="none: shared with val_loss",
        source="the training loop, in memory tasks",
    ),
    Signal(
        name="val_sequence_error",
        title="sequences with a wrong answer",
        formula="share of held-out sequences with at least one wrong answer; a task is solved when "
        "this share meets the task's criterion",
        axes=("iteration",),
        unit="1",
        reduction="mean over sequences",
        cost="none: shared with val_loss",
        source="the training loop, in memory tasks",
    ),
    Signal(
        name="context_loss",
        title="loss by context",
        formula="mean loss at positions that see exactly c steps of context, for each c of "
        "context_length",
        axes=("iteration", "context"),
        unit="that of the loss",
        reduction="mean over positions",
        cost="one evaluation per context length, on request",
        source="Khandelwal et al. 2018, context truncation at test time",
    ),
    Signal(
        name="context_length",
        title="context length",
        formula="the context lengths c at which context_loss is measured",
        axes=("iteration", "context"),
        unit="steps",
        reduction="none",
        cost="none",
        source="Backsight",
    ),
    Signal(
        name="usable_context",
        title="usable context",
        formula="smallest c from which on context_loss stays within 1 % of its value at full "
        "context",
        axes=("iteration",),
        unit="steps",
        reduction="none",
        cost="none: computed from context_loss",
        source="Khandelwal et al. 2018",
    ),
)
