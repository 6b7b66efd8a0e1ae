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
)
