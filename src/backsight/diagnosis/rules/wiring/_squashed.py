"""BKS411: a softmax or sigmoid before a loss that applies its own, or answers in a narrow range."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence, Severity
from backsight.diagnosis._rule import Sample, in_all, parts_of, percent
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["SquashedTwice"]


@dataclass
class SquashedTwice(InARow):
    """Probabilities where logits are expected."""

    code: ClassVar[str] = "BKS411"
    title: ClassVar[str] = "loss input squashed"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("loss_squashed",)
    optional_signals: ClassVar = ("targets_beyond",)
    explanation: ClassVar[str] = (
        "Cross-entropy and binary cross-entropy with logits apply a softmax or a sigmoid "
        "themselves. Of numbers between 0 and 1, theirs is nearly the same for all classes: the "
        "loss cannot come near 0, and its gradient is small. Given to NLLLoss, probabilities do "
        "not even make a likelihood: that expects their logarithms. Given logits, it falls without "
        "bound. Likewise, answers that come out of a sigmoid, a tanh or a ReLU never come to "
        "targets outside of its range."
    )
    criterion: ClassVar[str] = (
        "In the graph of the loss, what goes into cross-entropy, NLLLoss, CTCLoss, KLDivLoss or "
        "binary cross-entropy with logits was made by a softmax or a sigmoid, or what goes into "
        "binary cross-entropy by two sigmoids, with nothing in between but reshaping, cutting off, "
        "a mean or a maximum over steps, a shift, a mask or a factor of at most 2, in "
        "{samples:.0f} samples in a row; the same by hand, as logsumexp(p) - p[y] or "
        "softplus(p) - y p. A log-softmax does not count: applied twice, it is the same. Nor does "
        "a logarithm of probabilities. Or what goes into NLLLoss, CTCLoss or KLDivLoss comes right "
        "out of a layer, or of a log-softmax along another axis than that of the classes, and its "
        "probabilities do not add up to 1; or what goes into BCELoss comes right out of a layer "
        "and is cut off at 0 and 1, or out of a softmax along an axis of one element. "
        "Or, in as many, {most:.0%} of the targets of a squared error, or of a smooth absolute "
        "one, lie outside of the range of the operation that its answers come out of; from "
        "{some:.0%} on, it is a note."
    )
    causes: ClassVar = (
        "a softmax or a sigmoid as the last layer of a model that is trained with cross-entropy",
        "NLLLoss or KLDivLoss of probabilities, or of logits, instead of log-probabilities",
        "a softmax along the wrong axis, or of the one unit of a yes or no",
        "a sigmoid or a tanh as the last layer, and targets that are not scaled to its range",
        "a ReLU after the last layer, and targets below 0",
    )
    remedies: ClassVar = (
        "return the logits: remove the softmax or sigmoid before the loss",
        "with NLLLoss or KLDivLoss, use log_softmax(dim=…) of the classes; with a sigmoid, use "
        "BCELoss, and no softmax",
        "for numbers of any size, let the last layer be linear; or scale the targets to its range",
    )
    source: ClassVar[str] = "PyTorch's documentation of CrossEntropyLoss; a frequent question"

    most: float = 0.3
    some: float = 0.1
    """Of the targets: a few of them may be noise."""

    def look_at(self, now: Sample) -> Mapping[str, float]:
        """The number in all; where there is none, minus the share of targets out of reach."""
        found = dict(in_all(now, "loss_squashed"))
        for where, count in found.items():
            shares = _beyond(now, where)
            share = max(shares.values(), default=0.0)
            found[where] = count or -share * (share >= self.some)
        return found

    def severity_of(self, value: float) -> Severity:
        """Of a few targets, it may be meant."""
        return self.severity if value > 0 else "warning" if -value >= self.most else "info"

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """What comes before what."""
        if value < 0:
            shares = _beyond(now, where)
            which = max(shares, key=lambda name: shares[name])
            return (
                f"the answers come out of a {which}, and {percent(-value)} of the targets are "
                "outside of its range: nothing that the model learns comes to them",
                {"share of targets": -value},
            )
        kinds = [*parts_of(now, "loss_squashed", where)]
        before, _, loss = kinds[0].partition(", ") if kinds else ("softmax", "", "the loss")
        says = "applies its own, or expects logarithms"
        if before == "layer":
            says = "expects probabilities" if "binary" in loss else "expects log-probabilities"
        elif before.endswith("one unit"):
            return (
                f"what goes into the {loss} loss comes out of a {before}, which is 1 whatever the "
                "model says: nothing can be learned",
                {"losses": value},
            )
        elif "axis" in before:
            says = "expects those whose probabilities add up to 1 over the classes"
        return (
            f"what goes into the {loss} loss comes out of a {before}: that loss {says}",
            {"losses": value},
        )


def _beyond(now: Sample, where: str) -> dict[str, float]:
    """But for a likeness, which is meant to be one: there the targets are wrong (BKS433)."""
    shares = parts_of(now, "targets_beyond", where)
    return {name: share for name, share in shares.items() if name != "likeness"}
