"""BKS428: parameters that say how fast a state fades are decayed, or rounded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._finding import Evidence, Severity
from backsight.diagnosis._rule import Sample, in_all, parts_of, short
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["FragileParameters"]

TOLD = 3


@dataclass
class FragileParameters(InARow):
    """``A_log`` under weight decay."""

    code: ClassVar[str] = "BKS428"
    title: ClassVar[str] = "time constants decayed"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("fragile_decay",)
    optional_signals: ClassVar = ("fragile_marked", "fragile_half", "fragile_zero")
    explanation: ClassVar[str] = (
        "A_log, dt_bias, log_decay and the like say how fast a state fades. Their 0 is not 'no "
        "effect' but one particular memory, mostly a short one, and weight decay draws them there. "
        "In half precision they are rounded so coarsely that long memories become alike, and a "
        "dt_bias of 0 is a step size that no initialisation chooses."
    )
    criterion: ClassVar[str] = (
        "A parameter with such a name, or with the mark _no_weight_decay, is in a group whose "
        "weight decay is {strong:g} or more (or above 0, if it carries the mark), in "
        "{samples:.0f} samples in a row. A smaller decay, half precision, and a dt_bias (or the "
        "bias of a dt_proj) that was 0 everywhere at first are told as notes."
    )
    causes: ClassVar = (
        "an optimizer with weight_decay over model.parameters(), all in one group",
        "a model that was converted to half precision as a whole",
        "an initialisation of all biases to 0 after the model was made",
    )
    remedies: ClassVar = (
        "put them into a group of their own with weight_decay=0.0",
        "keep them in float32, and leave them out of a general initialisation",
    )
    source: ClassVar[str] = "Gu & Dao 2023 (Mamba: _no_weight_decay); public reports"

    strong: float = 0.05
    """A decay that shows within a few thousand steps at usual learning rates."""
    _grave: bool = field(default=False, init=False, repr=False)

    def look_at(self, now: Sample) -> Mapping[str, float]:
        """The largest decay; 1e-9 where there are only notes on other matters."""
        found = dict(in_all(now, "fragile_decay"))
        for name in self.optional_signals[1:]:
            for where, count in now.numbers(name).items():
                if count and not found.get(where, 0.0):
                    found[where] = NOTE
        return found

    def severity_of(self, value: float) -> Severity:
        """A note, unless the decay matters."""
        return self.severity if self._grave or value >= self.strong else "info"

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """Which they are."""
        marked = now.numbers("fragile_marked").get(where, 0.0)
        self._grave = bool(marked)
        parts, evidence = [], dict[str, float | str]()
        if value > NOTE:
            names = [n for n, decay in parts_of(now, "fragile_decay", where).items() if decay > 0]
            told = ", ".join(names[:TOLD]) + (" and others" if len(names) > TOLD else "")
            parts.append(
                f"a weight decay of {short(value)} draws parameters that say how fast a state "
                f"fades towards 0 ({told})"
            )
            evidence["weight decay"] = value
            if marked:
                parts.append(f"{marked:.0f} of them are marked _no_weight_decay")
        for name, words in (
            ("fragile_half", "of these parameters are in half precision"),
            ("fragile_zero", "of the biases of the step size (dt_bias) began as 0 everywhere"),
        ):
            count = now.numbers(name).get(where, 0.0)
            if count:
                parts.append(f"{count:.0f} {words}")
                evidence[name] = count
        return "; ".join(parts), evidence


NOTE = 1e-9
"""Stands for a decay of 0 where something else is to be told."""
