"""How a training is put together, as its graph and its calls show it."""

from backsight.signals.catalogue._signal import Signal

__all__ = ["SIGNALS"]

SIGNALS = (
    Signal(
        name="unowned",
        title="parameters that nothing moves",
        formula="parameters in the graph of L that no observed optimizer holds and whose content "
        "is what it was 10 or more iterations before; in all, and by the module that holds them "
        "('no module' if none does); less than 0 where nothing moves any of them, and no "
        "optimizer is there",
        axes=("iteration",),
        unit="parameters",
        reduction="none",
        cost="a walk over the graph of the loss, in the first iterations and then rarely",
        source="Backsight",
        per="module, and in all",
    ),
    Signal(
        name="made_anew",
        title="parameters that are others each time",
        formula="parameters in the graph of L that no observed optimizer holds, if others of the "
        "same shape were there at the look before, and are gone",
        axes=("iteration",),
        unit="parameters",
        reduction="none",
        cost="shared with unowned",
        source="Backsight",
    ),
    Signal(
        name="stale",
        title="parameters of no module",
        formula="parameters that an optimizer holds, that no observed module holds, and that are "
        "not in the graph of L",
        axes=("iteration",),
        unit="parameters",
        reduction="none",
        cost="shared with unowned",
        source="Backsight",
    ),
    Signal(
        name="gradient_left",
        title="gradient left by the last step",
        formula="‖g before backward‖ / ‖g at the last step‖ over the parameters that the step "
        "moved: the least over the passes between two steps; the largest over optimizers; 0 in the "
        "first iteration; where it is 0 of some of them and not of others, of these, by the module "
        "that holds them; -1 where a step finds nothing of what backward has brought",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="two more gradient norms, in the first iterations and then rarely",
        source="Backsight",
        per="module, and in all",
    ),
    Signal(
        name="passes_thrown",
        title="passes thrown away before a step",
        formula="backward passes before the last step, each zeroed before the next one, where the "
        "loss is divided by the number of all passes and the step reads what the last one has "
        "brought, up to a factor; 0 where that is not so",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="a look at the last operations of the loss, where passes are thrown away",
        source="Backsight",
    ),
    Signal(
        name="loss_squashed",
        title="losses whose input is squashed before",
        formula="losses of PyTorch's that apply a softmax or a sigmoid to what a softmax or a "
        "sigmoid has made, or expect the logarithms of what is given as probabilities; in all, and "
        "by what comes before which",
        axes=("iteration",),
        unit="losses",
        reduction="none",
        cost="shared with unowned",
        source="Backsight",
        per="function and loss, and in all",
    ),
    Signal(
        name="targets_beyond",
        title="targets out of reach of the answers",
        formula="share of the targets of squared errors, Huber's and smooth L1 included, that lie "
        "outside of the range of the sigmoid, softmax, tanh, ReLU, softplus or likeness that their "
        "answers come out of, by more than 2 % of it, or of the targets' deviation where it has no "
        "end; the largest over the losses of an iteration",
        axes=("iteration",),
        unit="1",
        reduction="maximum over the losses of an iteration",
        cost="shared with unowned",
        source="Backsight",
        per="function",
    ),
    Signal(
        name="loss_broadcast",
        title="elements of a loss whose sides are both broadcast",
        formula="elements of a loss for which both the prediction and the target are broadcast, "
        "along different axes; minus the number of steps whose answers are all held against one "
        "target, broadcast along them; 0 if there is none",
        axes=("iteration",),
        unit="elements",
        reduction="maximum over the losses of an iteration",
        cost="shared with unowned",
        source="Backsight",
    ),
    Signal(
        name="mixed_rows",
        title="views that mix sequences",
        formula="losses whose targets are flattened in another order than their predictions, and "
        "views in the graph of L, or between the data and the input of a layer, after "
        "which an axis has the size of the batch that was not its axis before, or the "
        "heads of an attention are made of steps, and outputs of reversed sequences that "
        "are turned round along the batch; in all, and by the shapes before and after",
        axes=("iteration",),
        unit="views",
        reduction="none",
        cost="shared with unowned",
        source="Backsight",
        per="pair of shapes, and in all",
    ),
    Signal(
        name="state_drawn",
        title="initial state drawn at random",
        formula="1 if the initial state of a layer needs no gradient, differs from the one before, "
        "and has the mean, spread and fourth moment of torch.randn or torch.rand, or is white "
        "noise around 0; 2 if that is so of the first input of a layer that begins in another "
        "one's state; 3 of such noise that the model was given; 0 otherwise",
        axes=("iteration",),
        unit="1",
        reduction="the first call of an iteration",
        cost="five sums over the state, in the iterations of unowned",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="state_carried",
        title="initial state carried over",
        formula="1 if the initial state of a layer is a multiple of the final one of the iteration "
        "before, without its graph, and its input neither begins where the former one ends in "
        "memory nor is what the loss has asked for at the last step; 0 otherwise",
        axes=("iteration",),
        unit="1",
        reduction="the first call of an iteration",
        cost="a copy of the final states of four sequences, in the iterations of unowned",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="state_taught",
        title="initial state made by the model",
        formula="1 if the initial state of a layer comes with a graph, as what an encoder hands to "
        "a decoder does; recorded only then",
        axes=("iteration",),
        unit="1",
        reduction="the first call of an iteration",
        cost="a look at the state, in the iterations of unowned",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="state_attached",
        title="graph of an earlier iteration",
        formula="1 if the initial state of a layer hangs on the graph of an earlier iteration and "
        "the graph of L has grown by a fifth, 2 if that graph, or another part of a graph of L "
        "that has grown so, can no longer be used; 0 otherwise",
        axes=("iteration",),
        unit="1",
        reduction="the first backward pass of an iteration",
        cost="a walk over the graph of the initial state, in the iterations of unowned",
        source="Backsight",
    ),
    Signal(
        name="state_lost",
        title="steps of a new optimizer",
        formula="the share of ten or more steps since the last number that begin with an empty "
        "state of the optimizer, where the one before them left a state",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="a look at the optimizer's state",
        source="Backsight",
    ),
    Signal(
        name="graphs_kept",
        title="graphs of earlier samples that exist",
        formula="earlier samples, without the newest, of which graphs exist when backward begins: "
        "of a loss, or of what a layer has made for none; 0 where L itself is made of them",
        axes=("iteration",),
        unit="graphs",
        reduction="none",
        cost="shared with unowned, in every sample",
        source="PyTorch's FAQ on memory",
    ),
    Signal(
        name="loss_unbounded",
        title="terms of the loss that fall without bound",
        formula="terms of L that are never negative and have a negative factor, or are a "
        "log-probability or log-density with a positive one, where all are such and the step moves "
        "all that is trained; else 0",
        axes=("iteration",),
        unit="terms",
        reduction="maximum over the steps of an iteration",
        cost="a walk from the loss to its terms",
        source="Backsight",
    ),
    Signal(
        name="likelihood_lowered",
        title="log-probabilities that a policy's loss makes smaller",
        formula="terms c·w·log p of L whose numbers w vary and need no gradient, with c > 0, where "
        "there is none with c < 0",
        axes=("iteration",),
        unit="terms",
        reduction="sum over the passes of an iteration",
        cost="a walk from the loss to its terms",
        source="Williams 1992, 10.1007/BF00992696",
    ),
    Signal(
        name="phase",
        title="another phase may begin",
        formula="1: after 20 or more iterations, the first step is that of an optimizer of other "
        "parameters; 2: that of a new optimizer of the same ones; 3: the last operations of L are "
        "others than in 20 or more iterations before; 4, once: they change in 5 of 20 iterations, "
        "as where tasks take turns. Recorded only then",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="the names of three operations",
        source="Backsight",
    ),
    Signal(
        name="likelihood_weighted",
        title="a policy gradient",
        formula="1 if L has log-probabilities times given numbers of both signs, such as "
        "advantages. Recorded only then",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="a walk from the loss to its terms",
        source="Backsight",
    ),
    Signal(
        name="likeness_lowered",
        title="cosines to what is given, or overlaps, that the step makes smaller",
        formula="terms of the loss that are a cosine of what was computed and of a tensor without "
        "a gradient, or an overlap of probabilities with labels, with a positive factor; recorded "
        "only where all terms are",
        axes=("iteration",),
        unit="terms",
        reduction="sum over the passes of a step",
        cost="shared with loss_unbounded",
        source="Backsight",
    ),
    Signal(
        name="entropy_lowered",
        title="entropies of a policy that the step makes smaller",
        formula="terms -c·Σ p log p within L, with c > 0, beside likelihood_weighted. Recorded "
        "only where there are any",
        axes=("iteration",),
        unit="terms",
        reduction="none",
        cost="a walk from the loss to its terms",
        source="Backsight",
    ),
    Signal(
        name="divergence_raised",
        title="distances between distributions that the step makes larger",
        formula="sums c·(x - exp x), or c·(log y - y), within L, with c > 0; 0 unless the step "
        "moves all that L depends on",
        axes=("iteration",),
        unit="terms",
        reduction="sum over the passes of an iteration",
        cost="a walk from the loss to its terms",
        source="Kingma & Welling 2014, arXiv:1312.6114, appendix B, for the terms",
    ),
    Signal(
        name="rows_out_of_order",
        title="rows that meet the targets of others",
        formula="rows of a batch whose targets, as their padding tells, are those of other rows; "
        "or that were sorted before they were packed and meet targets that were not (a part of the "
        "data), or other targets each time they come",
        axes=("iteration",),
        unit="rows",
        reduction="maximum over the losses",
        cost="a look at padding and row by row at the input, in the first iterations and then "
        "rarely",
        source="Backsight",
    ),
    Signal(
        name="rows_sorted",
        title="rows that are sorted for packing and not put back",
        formula="rows that an index puts into another order between an embedding and the packing, "
        "if no other operation puts rows into another order",
        axes=("iteration",),
        unit="rows",
        reduction="maximum over the losses",
        cost="shared with rows_out_of_order",
        source="Backsight",
    ),
    Signal(
        name="answers_untied",
        title="sequences that nothing ties to their targets",
        formula="different sequences so far, from 256 on, if no squared correlation of their "
        "targets with a step, a mean, a deviation or a count of symbols exceeds what is chance "
        "once in 10,000 times for all together, no test of chi squared of the symbols at a step "
        "6 standard errors, and the mean of the newest 8 losses is at least "
        "0.95 times the entropy of their classes, or their variance; 0 otherwise",
        axes=("iteration",),
        unit="sequences",
        reduction="maximum over the losses",
        cost="one product of features and targets, in the samples in which it is not known",
        source="Backsight",
    ),
    Signal(
        name="answers_unrelated",
        title="other targets for the same input",
        formula="targets of rows that were seen before, if 1 - (variance within equal rows) / "
        "(variance of all) is at most 0.3 with two standard errors added; 0 otherwise",
        axes=("iteration",),
        unit="targets",
        reduction="maximum over the losses",
        cost="shared with rows_out_of_order",
        source="one-way analysis of variance",
    ),
)
