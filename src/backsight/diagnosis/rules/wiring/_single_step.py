"""BKS432: sequences of one step, without a state."""

from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence
from backsight.diagnosis._rule import Sample
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["OneStepWindow"]


@dataclass
class OneStepWindow(InARow):
    """A window of a single value; features in the place of steps."""

    code: ClassVar[str] = "BKS432"
    title: ClassVar[str] = "window of one step"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("single_step",)
    explanation: ClassVar[str] = (
        "Every sequence that a recurrent layer is given has a single step and begins without a "
        "state: there is nothing to remember, and the layer works like one that is not recurrent. "
        "A forecast from one value can hardly be more than that value again, which looks like the "
        "true curve moved by one step."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, all calls of a layer have one step, and their initial "
        "state is not given or is 0. A layer or cell that is called step by step and is handed its "
        "last state does not count."
    )
    causes: ClassVar = (
        "x.unsqueeze(1): the whole window became the features of one step",
        "the window holds the last value alone",
        "batch and time swapped: (1, T, F) is one step of T sequences without batch_first",
        "the state that a step returns is not given to the next one",
    )
    remedies: ClassVar = (
        "give the layer a window of many steps, shape (batch, steps, features) with batch_first: "
        "x.unsqueeze(-1) makes one feature of each step",
        "in a loop over steps, hand the state on: out, state = rnn(x[:, t : t + 1], state)",
    )
    source: ClassVar[str] = "Backsight; a frequent question about forecasts that lag behind"

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """Of how many sequences."""
        return (
            f"each of the {value:,.0f} sequences that {where} is given has one step and begins "
            "without a state: there is nothing to remember",
            {"sequences": value},
        )
