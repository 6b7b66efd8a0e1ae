"""What a training is asked for and given: targets, inputs, and the weights to begin with."""

from backsight.signals.catalogue._signal import Signal

__all__ = ["SIGNALS"]

SIGNALS = (
    Signal(
        name="answer_in_input",
        title="targets that their model reads",
        formula="targets of a loss that are the newest input their answer depends on (this step), "
        "that a bidirectional layer reads one step later (next step), or that are numbers to be "
        "reproduced; in all, and by kind",
        axes=("iteration",),
        unit="targets",
        reduction="none",
        cost="shared with unowned; a comparison of targets and inputs; where they are equal, a "
        "backward pass",
        source="Backsight",
        per="kind, and in all",
    ),
    Signal(
        name="units_alike",
        title="units with the same weights",
        formula="units of a layer, if in each gate the rows of W_ih and those of W_hh differ by at "
        "most 1 % of the largest weight; 0 otherwise",
        axes=("iteration",),
        unit="units",
        reduction="none",
        cost="a look at the weights, in the first iterations and then rarely",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="input_scale",
        title="scale of the input",
        formula="mean over steps, sequences and features of |x|",
        axes=("iteration",),
        unit="1",
        reduction="mean over the calls of an iteration",
        cost="one reduction of the input, in sampled iterations",
        source="Backsight",
        per="layer",
    ),
)
