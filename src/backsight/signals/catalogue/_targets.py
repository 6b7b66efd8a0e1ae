"""What a training is asked for and given: targets, inputs, and the weights to begin with."""

from backsight.signals.catalogue._signal import Signal

__all__ = ["SIGNALS"]

SIGNALS = (
    Signal(
        name="answer_in_input",
        title="targets that their model reads",
        formula="targets of a loss that are the newest input their answer depends on (this step) "
        "or some of its features (among), that a bidirectional layer reads one step later (next "
        "step), or any other model (seen), that are numbers to be reproduced, that were read "
        "some steps before (earlier step), or that are the symbols after the next "
        "(two ahead); in all, and by kind",
        axes=("iteration",),
        unit="targets",
        reduction="none",
        cost="shared with unowned; a comparison of targets and inputs; where they are equal, a "
        "backward pass",
        source="Backsight",
        per="kind, and in all",
    ),
    Signal(
        name="answer_lag",
        title="steps since a target was read",
        formula="steps between the input that a target equals and the target, the same for all "
        "of a window; 0 where there is no such number",
        axes=("iteration",),
        unit="steps",
        reduction="maximum over the losses of an iteration",
        cost="shared with answer_in_input",
        source="Backsight",
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
        name="zero_weights",
        title="weights of zeros that get no gradient",
        formula="weight matrices that are all zero, and whose gradient is, if there are at least "
        "two and another parameter has a gradient; 0 otherwise; and their numbers, by module",
        axes=("iteration",),
        unit="matrices; numbers by module",
        reduction="the last backward pass of an iteration",
        cost="a look at the first number of each weight, in the first iterations and then rarely",
        source="Backsight",
        per="module, and in all",
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
    Signal(
        name="column_scale",
        title="scale of the narrowest feature",
        formula="least standard deviation, over steps and sequences, of a feature that varies, "
        "relative to the largest; of inputs of up to 64 features that are data",
        axes=("iteration",),
        unit="1",
        reduction="the first call of an iteration",
        cost="one reduction of the input, in sampled iterations",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="guess_loss",
        title="loss of the best constant answer",
        formula="entropy of the frequencies of the classes (times their weights, and smoothed as "
        "the labels of L are), variance of the numbers, entropy of their mean (binary), or the "
        "least mean absolute error, Huber loss or smooth L1 loss of a constant, over the targets "
        "of all samples so far that a mask leaves, reduced as L is; where L is a sum of such "
        "losses and nothing else",
        axes=("iteration",),
        unit="that of the loss",
        reduction="as the loss",
        cost="a look at the targets, and the loss once more, in sampled iterations",
        source="Miller 1955 for the entropy of few targets",
    ),
    Signal(
        name="target_size",
        title="size of the targets",
        formula="root mean square of the targets, where guess_loss is known and all losses are of "
        "numbers; up to eight of them",
        axes=("iteration",),
        unit="as the targets",
        reduction="all elements",
        cost="shared with guess_loss",
        source="Backsight",
    ),
    Signal(
        name="answer_size",
        title="size of the predictions",
        formula="root mean square of what is held against the targets of target_size",
        axes=("iteration",),
        unit="as the targets",
        reduction="all elements",
        cost="shared with guess_loss",
        source="Backsight",
    ),
    Signal(
        name="penalty",
        title="penalty on weights in the loss",
        formula="L minus its losses of targets, where all that is left is made of weights alone, "
        "of half of those in matrices or more",
        axes=("iteration",),
        unit="as L",
        reduction="none",
        cost="a look at each operation of the penalty",
        source="Backsight",
    ),
    Signal(
        name="penalty_guess",
        title="loss of the best constant answer beside a penalty",
        formula="guess_loss of L - penalty",
        axes=("iteration",),
        unit="as L",
        reduction="none",
        cost="shared with guess_loss",
        source="Backsight",
    ),
    Signal(
        name="guess_answer",
        title="best constant answer",
        formula="what gives guess_loss: the share of the targets that the most frequent class has "
        "(frequency), the mean or the median of the numbers, or the constant that a Huber loss or "
        "a smooth L1 loss is least for, over the targets of all samples so far",
        axes=("iteration",),
        unit="that of the targets",
        reduction="mean over the columns of numbers, and over the losses",
        cost="shared with guess_loss",
        source="Backsight",
        per="kind",
    ),
    Signal(
        name="persistence_loss",
        title="loss of the previous value",
        formula="L if each prediction were the newest input, over the targets of all looks so far; "
        "where L is one loss of numbers, or one a step, whose targets are a layer's inputs of the "
        "next step, step by step or after the last one",
        axes=("iteration",),
        unit="that of the loss",
        reduction="as the loss",
        cost="shared with answer_in_input; a comparison of targets and inputs",
        source="persistence forecast",
    ),
    Signal(
        name="drift_loss",
        title="loss of the previous value and a share of the last increment",
        formula="L if each prediction were x_t + k (x_t - x_{t-1}), where k is least for the "
        "squared errors so far",
        axes=("iteration",),
        unit="that of the loss",
        reduction="as the loss",
        cost="shared with persistence_loss",
        source="Holt's linear trend, with one constant",
    ),
    Signal(
        name="increment_correlation",
        title="correlation of successive increments, at most",
        formula="(|Σ d_t d_{t+1}| + 2 √Σ (d_t d_{t+1})²) / √(Σ d_t² Σ d_{t+1}²) with "
        "d_t = x_{t+1} - x_t: the correlation and two standard errors, over the targets of all "
        "looks so far",
        axes=("iteration",),
        unit="1",
        reduction="sum over steps, sequences and features",
        cost="shared with persistence_loss",
        source="White 1980 for the standard error",
    ),
    Signal(
        name="one_number",
        title="targets that are the same number",
        formula="targets so far, if all of them are the same number; 0 otherwise. Of losses of "
        "numbers alone, each asked of one unit of a layer of the training's own",
        axes=("iteration",),
        unit="targets",
        reduction="none",
        cost="shared with guess_loss",
        source="Backsight",
    ),
    Signal(
        name="one_class",
        title="targets of one class",
        formula="targets of all samples so far, if all are of one class among several that a layer "
        "has weights for; minus as many, if they are not, and those of nine in ten samples each "
        "are; 0 otherwise",
        axes=("iteration",),
        unit="targets",
        reduction="the largest of the losses",
        cost="shared with guess_loss",
        source="Backsight",
    ),
    Signal(
        name="single_step",
        title="sequences of one step without a state",
        formula="sequences of a layer's calls, if each call has one step and an initial state that "
        "is not given or is 0; 0 otherwise",
        axes=("iteration",),
        unit="sequences",
        reduction="sum over the calls of an iteration",
        cost="a look at the initial state, in the first iterations and then rarely",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="same_input",
        title="the same input as before",
        formula="1 if the data that recurrent layers and embeddings are given are those of the "
        "look before; how many batches there are, if it is one of at most 5 that all looks so far "
        "have had; 0 otherwise",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="a look at some thousand numbers, in the first iterations and then rarely",
        source="Backsight",
    ),
    Signal(
        name="rows_alike",
        title="rows that are the same sequence",
        formula="rows of a batch if each of them is the same sequence, which is not one number or "
        "symbol throughout; 0 otherwise, and where a layer is given an initial state",
        axes=("iteration",),
        unit="rows",
        reduction="the fewest over calls of layers",
        cost="shared with same_input",
        source="Backsight",
    ),
    Signal(
        name="steps_alike",
        title="steps that are the same",
        formula="steps of a sequence if, in each row of a batch, all are the same, and rows "
        "differ; 0 otherwise, and where a layer is given an initial state, or L depends on "
        "parameters of another model",
        axes=("iteration",),
        unit="steps",
        reduction="the fewest over calls of layers",
        cost="shared with same_input",
        source="Backsight",
    ),
    Signal(
        name="silent_input",
        title="rows that tell nothing",
        formula="rows of a batch if all numbers that a layer is given are 0, or embedded from one "
        "symbol, and it begins in no state; 0 otherwise",
        axes=("iteration",),
        unit="rows",
        reduction="the fewest over calls of the layer",
        cost="one pass over the data, in the first iterations and rarely",
        source="Backsight",
        per="layer",
    ),
)
