"""Which kinds of cause the findings of other tools name.

A finding names a kind if its title, its causes or its remedies contain the cause in any wording,
even as one of several guesses or with the opposite sign (a rate too low where it is too high). A
finding without kinds states a symptom. The notes quote the words that were counted.
"""

from collections.abc import Mapping

__all__ = ["NAMED_BY_BACKSIGHT", "PEER_NAMES"]

from benchmarks.causes._names import NAMES

_GRADSNITCH = {
    "GS001": "bad_inputs rate",  # "LR too high ... or a bad batch", "check inputs for NaNs"
    "GS002": "bad_inputs clip_misplaced rate",  # "add clipping", "lower LR", "check inputs"
    "GS003": "bad_inputs clip_misplaced rate",  # "LR too high", "an outlier batch"
    "GS004": "",
    # "LR too low, dead/poor init, frozen params, or a data/labeling issue", "add warmup"
    "GS005": "bad_labels initialisation rate schedule unoptimised",
    "GS006": "clip_misplaced rate schedule",  # "LR too high / schedule wrong", "add clipping"
    "GS007": "initialisation rate",  # "LR far too low", "check init"
    "GS008": "rate schedule unoptimised",  # "add warmup; check params are actually training"
    "GS009": "clip_misplaced rate",  # "usually LR too high", "add grad clipping"
    "GS010": "schedule",  # "scheduler length mismatch"
}
_LOSSLINT = {
    "loss_spike": "bad_inputs rate",  # "data shard or LR bug?"
    "stagnation": "rate",  # "consider stopping or raising the LR"
    "divergence": "",
    "nan_inf": "",
    "overfit_onset": "",
    "parse": "",
    "step_backtrack": "",
}
_RUNMEDIC = {
    # "NaN/inf in inputs or labels ... or bad initialization", "the LR schedule never stops
    # increasing", "learning rate is too high", "clip gradients"
    "non_finite": "bad_inputs clip_misplaced initialisation rate schedule",
    # "rate too high", "a schedule that decays too late", "weight decay applied to norms/biases"
    "divergence": "clip_misplaced rate schedule weight_decay",
    # "optimizer.step() missing ... or not passed to the optimizer", "rate far too low", "warmup
    # never ends", "labels are misaligned with inputs", "make sure the order is zero_grad() → ..."
    "no_learning": "bad_labels not_zeroed rate schedule unoptimised",
    "loss_spikes": "bad_inputs bad_labels clip_misplaced rate",  # "corrupted samples, wrong labels"
    "grad_spikes": "bad_inputs clip_misplaced rate",
    "constant_lr_plateau": "schedule",  # "learning rate is constant ... for the whole run"
    "memory_growth": "graph_kept",  # "tensors that keep the autograd graph alive are stored"
    # "a tensor from the previous step (hidden state, running loss) is reused"
    "log:backward_twice": "graph_kept state_attached",
    "overfitting": "",
    "val_below_train": "",
}
_TORCHMORTEM = {
    "Update ratio too low": "rate schedule unoptimised",  # "effectively frozen", "overly small"
    "Update ratio too high": "clip_misplaced rate",  # "reduce the learning rate", "clipping"
    # "high learning rates, poor weight initialization, or ... without gradient clipping"
    "Exploding gradients detected": "clip_misplaced initialisation rate",
    "Vanishing gradients detected": "",
    "Gradient stalling": "initialisation",  # "consider a different initialization scheme"
    "Dead units": "initialisation rate",  # "careful weight initialization", "reduce the rate"
    "Activation saturation": "initialisation rate scale",  # "to keep inputs centered"
    "Rank collapse": "dropout_high rate weight_decay",  # "reduce ... (weight decay, dropout)"
    "Weight norm explosion": "clip_misplaced rate",  # "reduce the learning rate", "clipping"
    "Stagnant weight norms": "rate unoptimised",  # "verify that the layer is ... connected"
    "Inter-layer weight norm imbalance": "initialisation",  # "check weight initialization"
    "Training divergence detected": "bad_inputs clip_misplaced rate schedule",  # "use ... warmup"
    "Loss plateau detected": "rate schedule",  # "learning rate is too small", "a scheduler"
    "High gradient noise (low SNR)": "rate",  # "consider using a lower learning rate"
    "Catapult phase detected": "rate",  # "with large learning rates"
    "Edge of stability regime detected": "",
    "Training trapped by loss landscape curvature": "",
    "Instability feedback loop -- gradients and weights exploding": "clip_misplaced rate",
    "Representation bottleneck -- rank collapse limiting capacity": "",
    "Gradient starvation causing unit death": "",
}
_TRAINSCOPE = {"concentration": "", "explosion": "", "grad_norm": "", "kurtosis": "", "loss": ""}
"""It says which of its signals moved first, and nothing of why."""
_TRAINTOOLS = {
    "batch is not finite": "bad_inputs",
    "batch is out of scale": "scale",
    "batch is constant": "bad_inputs",
    "batch is empty": "bad_inputs",
    "labels of one class": "bad_labels",
    "labels out of range": "bad_labels",
    "gradient is not finite": "",
    "gradient vanished": "",
    "gradient is large": "",
    "no gradients": "",
    "update ratio is high": "rate",
    "update ratio is tiny": "rate schedule unoptimised",
    "units are dormant": "",
}


def _kinds(table: Mapping[str, str]) -> dict[str, frozenset[str]]:
    return {code: frozenset(kinds.split()) for code, kinds in table.items()}


PEER_NAMES = {
    "gradsnitch": _kinds(_GRADSNITCH),
    "losslint": _kinds(_LOSSLINT),
    "runmedic": _kinds(_RUNMEDIC),
    "torchmortem": _kinds(_TORCHMORTEM),
    "trainscope": _kinds(_TRAINSCOPE),
    "traintools": _kinds(_TRAINTOOLS),
}
"""The kinds that each code of each tool names."""

NAMED_BY_BACKSIGHT = {
    code: frozenset(kind for kind, codes in NAMES.items() if code in codes)
    for code in frozenset[str]().union(*NAMES.values())
}
"""The same of Backsight, whose findings count by their code alone."""
