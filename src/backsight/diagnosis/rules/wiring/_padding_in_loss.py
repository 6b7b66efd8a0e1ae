"""BKS420: the loss compares predictions with padding, and that counts."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._finding import Evidence, Severity
from backsight.diagnosis._rule import Sample, percent, short
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["PaddingInLoss"]


@dataclass
class PaddingInLoss(InARow):
    """No ``ignore_index``, and no mask."""

    code: ClassVar[str] = "BKS420"
    title: ClassVar[str] = "padding counts in the loss"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    spares: ClassVar = ("BKS402",)
    reads: ClassVar = ("padding_in_loss",)
    explanation: ClassVar[str] = (
        "The loss is a mean over all steps, those that only fill a batch up included. A model "
        "learns soon to predict the padding from the padding: the loss looks better than the "
        "model is, and the steps that matter have a smaller part in its gradient."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, the input ends in padding of different lengths, and "
        "the target of a loss of PyTorch's, or of a squared or absolute error by hand, is one and "
        "the same value at all these steps (of the last step, nothing need be asked), is another "
        "one at most of the others (unless padding_idx, or the lengths that a sequence was packed "
        "with, say that it is padding), is not ignore_index, and has a weight. Where the loss "
        "comes from a fused layer's output, a gradient arrives at most of these steps, too, so "
        "that a mask does not count. If padding is at most {share:.0%} of all steps, it is told as "
        "a note; so is a filler that the targets of a mean or sum end in, over different lengths, "
        "where no data are given at each step: a class that is nowhere else in them, behind others "
        "that vary and neither only rise nor only fall; or one number, which they are in no other "
        "step and do not come near to before. It is a note, too, as soon as a sequence holds that "
        "symbol, which no embedding calls padding, before its end, or a few hold nothing else: a "
        "text may come to a symbol that it seldom leaves."
    )
    causes: ClassVar = (
        "cross_entropy without ignore_index, on targets that are padded",
        "a squared error over padded steps, without a mask",
    )
    remedies: ClassVar = (
        "tell the loss what to ignore: cross_entropy(…, ignore_index=PAD)",
        "mask the loss: (loss * mask).sum() / mask.sum(), with reduction='none'",
    )
    source: ClassVar[str] = "PyTorch's documentation of CrossEntropyLoss; a frequent question"

    share: float = 0.1
    """Of all steps, up to which it is a note."""
    _text: set[str] = field(default_factory=set, init=False, repr=False)
    """Where the filler may be a symbol like any other."""

    def _update(self, now: Sample) -> None:
        self._text |= {where for where, value in self.look_at(now).items() if value < -1}
        super()._update(now)
        for where in self._text & self.findings.keys():
            self.findings[where].severity = "info"

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """How much of the loss it is."""
        if value < -1:
            return (
                f"{percent(-1 - value)} of the steps that the loss compares are one symbol up to "
                "the end, which some sequences hold before it, or throughout: padding that counts, "
                "or a symbol that a text seldom leaves",
                {"padding": float(short(-1 - value))},
            )
        if value < 0:
            return (
                f"the targets end in one value, which makes up {percent(-value)} of them and "
                "counts: right only if the model has to tell where a sequence ends",
                {"padding": float(short(-value))},
            )
        return (
            f"{percent(value)} of the steps that the loss compares are padding, and they count",
            {"padding": float(short(value))},
        )

    def severity_of(self, value: float) -> Severity:
        """A note where there is little of it."""
        return self.severity if value > self.share and not self._text else "info"
