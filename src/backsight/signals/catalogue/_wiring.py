"""How a training is put together, as its graph and its calls show it."""

from backsight.signals.catalogue._signal import Signal

__all__ = ["SIGNALS"]

SIGNALS = (
    Signal(
        name="unowned",
        title="parameters that nothing moves",
        formula="parameters in the graph of L that no observed optimizer holds and whose content "
        "is what it was 10 or more iterations before; in all, and by the module that holds them "
        "('no module' if none does)",
        axes=("iteration",),
        unit="parameters",
        reduction="none",
        cost="a walk over the graph of the loss, in the first iterations and then rarely",
        source="Backsight",
        per="module, and in all",
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
        "first iteration",
        axes=("iteration",),
        unit="1",
        reduction="none",
        cost="two more gradient norms, in the first iterations and then rarely",
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
        name="loss_broadcast",
        title="elements of a loss whose sides are both broadcast",
        formula="elements of a loss for which both the prediction and the target are broadcast, "
        "along different axes; 0 if there is none",
        axes=("iteration",),
        unit="elements",
        reduction="maximum over the losses of an iteration",
        cost="shared with unowned",
        source="Backsight",
    ),
    Signal(
        name="mixed_rows",
        title="views that mix sequences",
        formula="views in the graph of L, or between the data and the input of a layer, after "
        "which an axis has the size of the batch that was not its axis before; in all, and by the "
        "shapes before and after",
        axes=("iteration",),
        unit="views",
        reduction="none",
        cost="shared with unowned",
        source="Backsight",
        per="pair of shapes, and in all",
    ),
    Signal(
        name="one_step_read",
        title="directions read after one step",
        formula="1 if the reverse half of a bidirectional layer's output is read only at the last "
        "step of each sequence, where it begins, plus 2 if the forward half is read only at the "
        "first one; 0 if neither, or if a final state is read",
        axes=("iteration",),
        unit="1",
        reduction="of several calls, the smallest",
        cost="one comparison of each gradient on a layer's output, in the iterations of unowned",
        source="Backsight",
        per="layer",
    ),
    Signal(
        name="padding_read",
        title="padding before the step that is read",
        formula="padded steps / all steps of a batch whose sequences end in padding, or are "
        "packed, if L reads the last step of the padded batch alone; 0 otherwise",
        axes=("iteration",),
        unit="1",
        reduction="of several calls, the largest",
        cost="shared with one_step_read; one look at the input",
        source="Backsight",
        per="layer",
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
        name="padding_in_loss",
        title="padding in the loss",
        formula="padded steps / all steps, if a loss of PyTorch's compares all of them with one "
        "value that it does not ignore; 0 if none does",
        axes=("iteration",),
        unit="1",
        reduction="maximum over the losses of an iteration",
        cost="shared with padding_read",
        source="Backsight",
    ),
    Signal(
        name="state_drawn",
        title="initial state drawn at random",
        formula="1 if the initial state of a layer needs no gradient, differs from the one before, "
        "and has the mean, spread and fourth moment of torch.randn or torch.rand; 0 otherwise",
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
)
