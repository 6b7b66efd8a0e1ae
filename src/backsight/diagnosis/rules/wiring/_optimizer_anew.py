"""BKS424: the optimizer is made anew again and again."""

from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence, Severity
from backsight.diagnosis._rule import Sample, percent
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["StateLost"]


@dataclass
class StateLost(InARow):
    """``optim.Adam(…)`` inside the loop over batches."""

    code: ClassVar[str] = "BKS424"
    title: ClassVar[str] = "optimizer made anew"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    spares: ClassVar = ("BKS402",)
    reads: ClassVar = ("state_lost",)
    explanation: ClassVar[str] = (
        "Every few steps a new optimizer takes over, or its state is cleared. Momentum and the "
        "averages of Adam need ten to a thousand steps to form; they are lost each time. "
        "Adam's first step, by the sign of the gradient alone, is then repeated for ever."
    )
    criterion: ClassVar[str] = (
        "At least {share:g} of ten or more steps begin with an empty state, although "
        "the optimizer of the same parameters had one before, in {samples:.0f} samples in a row. "
        "Where it is fewer, a note tells of it. An optimizer without a state (SGD without "
        "momentum) loses nothing, nor does one whose state is loaded."
    )
    causes: ClassVar = (
        "the optimizer is made inside the loop over batches, or over short epochs",
        "a function that is called for each batch makes an optimizer of its own",
    )
    remedies: ClassVar = (
        "make the optimizer once, before the loop",
        "to change the learning rate, write into optimizer.param_groups or use a scheduler",
    )
    source: ClassVar[str] = "Kingma & Ba 2015, on bias correction; public reports"

    share: float = 0.2
    """Momentum 0.9 gathers ten steps; a fifth leaves it five on average."""

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """How often."""
        often = "each step begins" if value >= 1 else f"{percent(value)} of the steps begin"
        return (
            f"{often} with a new optimizer: momentum and averages of the gradient are lost",
            {"share of steps": value},
        )

    def severity_of(self, value: float) -> Severity:
        """A new optimizer now and then is a note."""
        return self.severity if value >= self.share else "info"
