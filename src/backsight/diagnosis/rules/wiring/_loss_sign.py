"""BKS429: the loss has the wrong sign."""

from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence
from backsight.diagnosis._rule import Sample
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["WrongSign"]


@dataclass
class WrongSign(InARow):
    """An error that is maximised, or a likelihood that is minimised."""

    code: ClassVar[str] = "BKS429"
    title: ClassVar[str] = "loss with the wrong sign"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("loss_unbounded",)
    explanation: ClassVar[str] = (
        "What the optimizer minimises is the negative of an error, or a log-likelihood itself. It "
        "falls without bound, and the model learns to be wrong."
    )
    criterion: ClassVar[str] = (
        "In the graph of the loss, every term is a loss of PyTorch's that is never negative (or a "
        "squared or absolute difference from a target) with a negative factor, or the "
        "log-probability of a class with a positive one, in {samples:.0f} samples in a row; and "
        "the step moves everything that is trained. A term that is multiplied by a reward or by "
        "any other varying number does not count, nor does one that is known to have a bound, nor "
        "an adversary that has an optimizer of its own. With maximize=True, it is the other way "
        "round."
    )
    causes: ClassVar = (
        "a minus in front of a loss that PyTorch has negated already",
        "a log-likelihood, or a gain, without the minus that makes a loss of it",
        "an optimizer with maximize=True",
    )
    remedies: ClassVar = (
        "minimise the error: remove the minus in front of the loss",
        "minimise the negative log-likelihood: put a minus in front of log_prob",
    )
    source: ClassVar[str] = "Backsight; public reports"

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """How many terms there are."""
        terms = "its only term falls" if value == 1 else f"all its {value:.0f} terms fall"
        return (
            f"the loss has the wrong sign: {terms} without bound as the optimizer goes on, so that "
            "the model learns to be wrong",
            {"terms": value},
        )
