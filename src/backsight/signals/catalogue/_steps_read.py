"""Which steps, units and sequences of a layer's output a loss reads."""

from backsight.signals.catalogue._signal import Signal

__all__ = ["SIGNALS"]

SIGNALS = (
    Signal(
        name="one_step_read",
        title="directions read after one step",
        formula="1 if the reverse half of a bidirectional layer's output is read only at the last "
        "step of each sequence, where it begins, plus 2 if the forward half is read only at the "
        "first one; 4 if a layer in one direction is; 0 if none, or if a final state is read",
        axes=("iteration",),
        unit="1",
        reduction="of several calls, the smallest",
        cost="one comparison of each gradient on a layer's output, in the iterations of unowned",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="first_step_read",
        title="steps of which the first is read",
        formula="calls of a module that hand their state on, if the first one alone is in the "
        "graph of L; 0 otherwise; loop: states that the graph of L has put side by side, if an "
        "index takes the one that was made first",
        axes=("iteration",),
        unit="steps",
        reduction="of several loops, the longest",
        cost="shared with one_step_read; a mark on the graph of each call of a cell",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="one_unit_read",
        title="units of which one is read",
        formula="units of a layer's output if L takes one of them by an index and no gradient "
        "arrives at any other or at a final state, negative where no product with a matrix is made "
        "of it; 0 otherwise, and if it is another one than in the sample before",
        axes=("iteration",),
        unit="units",
        reduction="all calls read the same",
        cost="shared with one_step_read",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="one_feature_read",
        title="features of which one is read",
        formula="features of the only sequences that a model is given, if its one recurrent layer "
        "is given one of them, no other layer is given data and L asks for no part of them; 0 "
        "otherwise",
        axes=("iteration",),
        unit="features",
        reduction="none",
        cost="a comparison with each feature, in the iterations of unowned",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="one_output_read",
        title="outputs of which one is read",
        formula="outputs of a linear layer if L takes one of them by an index, asks for that "
        "column of a table that is as wide and nothing is made of the others; 0 otherwise",
        axes=("iteration",),
        unit="outputs",
        reduction="the first loss of an iteration",
        cost="a look at the operations near the loss, in the iterations of unowned",
        source="Backsight",
    ),
    Signal(
        name="one_series_read",
        title="targets of another series than the one read",
        formula="targets that were looked at, if the only recurrent layer is given overlapping "
        "windows of one feature, none of the targets is a value of any window, nor goes with the "
        "next value or change, and the squared error of the newest 8 looks is above half of what a "
        "constant answer gives; 0 otherwise",
        axes=("iteration",),
        unit="targets",
        reduction="none",
        cost="a comparison of some thousand numbers, where a model is given one feature",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="features_alike",
        title="features that are the same",
        formula="features of the data that a layer is given, of at least two, if all are the same "
        "numbers; 0 otherwise",
        axes=("iteration",),
        unit="features",
        reduction="the fewest over calls",
        cost="a comparison of one row, in the iterations of unowned",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="one_row_read",
        title="sequences of which one is read",
        formula="sequences of a batch if L takes one of them by an index and no gradient arrives "
        "at the output or a final state of any other; 0 otherwise, if it is another one than in "
        "the sample before, and if it is the last one at several steps (last_column)",
        axes=("iteration",),
        unit="sequences",
        reduction="all calls read the same",
        cost="shared with one_step_read",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="padding_read",
        title="padding before the step that is read",
        formula="padded steps / all steps of a batch whose sequences end in padding, or are "
        "packed, if L reads the last step of the padded batch alone; 1 more if L has one target a "
        "sequence and reads all steps, or averages all that was embedded; 3 more if it reads the "
        "last states of both directions; 0 otherwise",
        axes=("iteration",),
        unit="1",
        reduction="of several calls, the largest",
        cost="shared with one_step_read; one look at the input",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="loop_padding_read",
        title="padding before the last step of a loop",
        formula="padded steps / all steps of what a cell, or a loop, is given whose sequences end "
        "in padding, if L reads its last state alone; 0 otherwise",
        axes=("iteration",),
        unit="1",
        reduction="of several passes, the largest",
        cost="shared with first_step_read; one look at the inputs",
        source="Backsight",
        per="cell, or 'loop'",
    ),
    Signal(
        name="padding_packed",
        title="padding that is packed",
        formula="padded steps / all steps, if all sequences were packed with the length of the "
        "padded batch, end in padding all the same, and L reads their end; 0 otherwise",
        axes=("iteration",),
        unit="1",
        reduction="of several calls, the largest",
        cost="shared with padding_read",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="lengths_unlike",
        title="lengths of others",
        formula="sequences that were packed with another length than that of what is before their "
        "padding / all sequences, if a fifth or more of all are cut short, and as many go on into "
        "padding; 0 otherwise",
        axes=("iteration",),
        unit="1",
        reduction="of several calls, the largest",
        cost="one look at what was packed, in the iterations of unowned",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="padding_in_loss",
        title="padding in the loss",
        formula="padded steps / all steps, if a loss of PyTorch's compares all of them with one "
        "value that it does not ignore; 0 if none does; less than 0 by the share of a filler that "
        "targets of classes end in, where no data are given at each step; less than -1 by it where "
        "a sequence holds the symbol that others end in earlier, too, or a few hold nothing else",
        axes=("iteration",),
        unit="1",
        reduction="maximum over the losses of an iteration",
        cost="shared with padding_read",
        source="Backsight",
    ),
    Signal(
        name="time_across",
        title="time where the batch should be",
        formula="of the input of a fused layer, or of what it is embedded from: 1 if sequences end "
        "in padding along the axis that the layer takes for the batch, 2 if the target of each "
        "step is the next input along it, 3 if neighbours correlate by 0.8 or more along it, when "
        "the means of steps and of sequences are taken out, each of these not along the other "
        "axis (by 0.4 or less), 4 if targets depend on an input near theirs along it, and not "
        "on those along the other axis; 0 otherwise; where no fused layer runs, all of it of a "
        "loop of one's own; 5 if all attentions run along an axis that has a target for each "
        "element (as 'attention'), 6 if a softmax runs along the batch of a layer (as 'softmax'), "
        "7 if sequences are pooled for one answer of each step, and at least 8 steps come again, "
        "with the same answers, each behind another one",
        axes=("iteration",),
        unit="1",
        reduction="none where a layer is called more than once",
        cost="a few looks at the input, in the iterations of unowned",
        source="Backsight",
        per="layer",
    ),
)
