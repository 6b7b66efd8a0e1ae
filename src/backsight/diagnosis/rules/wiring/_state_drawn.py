"""BKS419: each call of a layer begins in a state that is drawn at random."""

from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence, Severity
from backsight.diagnosis._rule import Sample, of_module
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["StateDrawn"]

FIRST_INPUT, GIVEN = 2, 3


@dataclass
class StateDrawn(InARow):
    """``rnn(x, torch.randn(…))``."""

    code: ClassVar[str] = "BKS419"
    title: ClassVar[str] = "initial state drawn at random"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("state_drawn",)
    explanation: ClassVar[str] = (
        "Every call begins in another random state, with numbers as large as those that a state "
        "ever has. The same sequence gives a different output each time, and the layer has to "
        "learn to forget its beginning before it can learn anything from it."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, the initial state that a layer is given needs no "
        "gradient, is another one than before, and its mean, spread and fourth moment are those of "
        "torch.randn, or of torch.rand, within five standard errors; or it is white noise around "
        "0 with a standard deviation of at least 0.15: no unit has a mean of its own, and no two "
        "go together. A note where the model was given such noise. A state that was learned, or "
        "computed by an encoder or by a projection of noise, does not count; nor does that of a "
        "generator, which has an adversary or no other input. A note: the same is so of the first "
        "input of a layer that begins in another one's state, and no model was given it."
    )
    causes: ClassVar = (
        "an init_hidden() that returns torch.randn or torch.rand",
        "an example of PyTorch's documentation, which passes random states to show their shapes",
        "a decoder whose first input is drawn, for want of a start symbol",
    )
    remedies: ClassVar = (
        "leave the state out: rnn(x) begins with zeros",
        "learn it: make it an nn.Parameter, and expand it to the batch",
        "begin a decoder with the last value that was observed, with zeros, or with a start symbol",
    )
    source: ClassVar[str] = "Backsight; PyTorch's documentation of nn.LSTM"

    def severity_of(self, value: float) -> Severity:
        """Noise that a decoder begins with may be meant."""
        return self.severity if value < FIRST_INPUT else "info"

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """Of which layer."""
        if value == GIVEN:
            return (
                f"the initial state{of_module(where)} is noise, drawn anew in every iteration: "
                "leave it out unless it is meant",
                {},
            )
        if value == FIRST_INPUT:
            return (
                f"the first input{of_module(where)}, which begins in another layer's state, is "
                "drawn at random in every iteration",
                {},
            )
        return (
            f"the initial state{of_module(where)} is drawn at random in every iteration: the same "
            "sequence never begins the same way twice",
            {},
        )
