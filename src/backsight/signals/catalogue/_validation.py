"""What the model achieves on sequences that it is not trained on."""

from backsight.signals.catalogue._signal import Signal

__all__ = ["SIGNALS"]

SIGNALS = (
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
)
