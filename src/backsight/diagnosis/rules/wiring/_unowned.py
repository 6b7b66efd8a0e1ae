"""BKS409: the loss depends on parameters that no optimizer moves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._finding import Evidence, Severity
from backsight.diagnosis._rule import Sample, in_all, parts_of
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["UnownedParameters"]

TOLD = 3
"""Modules that are told by name."""


@dataclass
class UnownedParameters(InARow):
    """An encoder that was forgotten, cells in a list, a head that was replaced too late."""

    code: ClassVar[str] = "BKS409"
    title: ClassVar[str] = "moved by no optimizer"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("unowned",)
    optional_signals: ClassVar = ("stale",)
    samples: float = 2
    long: float = 100
    """Iterations between two looks, after which a single one that finds it is enough."""
    _looked: int | None = field(default=None, init=False, repr=False)
    """At which iteration."""
    explanation: ClassVar[str] = (
        "The loss depends on parameters that the optimizer was not given, and nothing else moves "
        "them either: they stay as they were initialised, while the rest is trained around them."
    )
    criterion: ClassVar[str] = (
        "Parameters that need a gradient are in the graph of the loss, no observed optimizer "
        "holds them (or one that has not made a step in 64 iterations), and they are what they "
        "were 10 or more iterations before, in {samples:.0f} samples in a row, or in one that "
        "comes {long:.0f} iterations or more after the last. Parameters that are frozen "
        "(requires_grad=False) do not count, nor do those that another optimizer or the script's "
        "own code moves. Or no pass of an iteration reaches any parameter, and its step finds no "
        "gradient. A warning where no optimizer has been seen, and all parameters stand still, "
        "for {long:.0f} iterations."
    )
    causes: ClassVar = (
        "the optimizer was made of one part of the model only",
        "modules in a Python list or dict, which parameters() does not find",
        "a layer that was replaced, or made, after the optimizer",
        "an optimizer whose step() is never called",
        "p = p - lr * p.grad, which leaves the parameter as it is: p -= lr * p.grad",
        "a loss of .item()s, or of an argmax, that is given requires_grad",
    )
    remedies: ClassVar = (
        "give the optimizer the parameters of every part: "
        "torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])",
        "keep modules in nn.ModuleList or nn.ModuleDict instead of a list or a dict",
        "make the optimizer after the model is complete",
        "if they are to stay as they are, say so: module.requires_grad_(False)",
    )
    source: ClassVar[str] = "Backsight; a frequent question about optimizers and parameters()"

    def severity_of(self, value: float) -> Severity:
        """Gradients may be all that is wanted of a model."""
        return self.severity if value > 0 else "warning"

    def look_at(self, now: Sample) -> Mapping[str, float]:
        """The number in all; where nobody moves anything, a short run tells nothing."""
        numbers = in_all(now, "unowned")
        if self._looked is not None and now.iteration - self._looked >= self.long:
            for where, number in numbers.items():  # as it was at the last look, and has not moved
                self._row[where] = max(self._row.get(where, 0), int(self.samples) - 1) * (
                    number > 0
                )
        self._looked = now.iteration
        return {k: n for k, n in numbers.items() if not n < 0 or now.iteration >= self.long}

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """By the modules that hold them."""
        if value < 0:
            return (
                f"nothing moves any of the {-value:.0f} parameters that the loss depends on: no "
                "optimizer steps, and the code in its place leaves them as they are",
                {"parameters": -value},
            )
        parts = parts_of(now, "unowned", where)
        if "no parameter in the loss" in parts:
            return (
                f"the loss depends on none of the {value:.0f} parameters that the optimizer holds, "
                "and on no other one: it was made of numbers without a graph (.item(), .data, "
                "argmax, torch.tensor(x)), and nothing is learned",
                {"parameters": value},
            )
        largest = sorted(parts, key=lambda name: (-parts[name], name))
        told = ", ".join(_place(name) for name in largest[:TOLD])
        more = f" and {len(largest) - TOLD} other modules" if len(largest) > TOLD else ""
        many = "parameter" if value == 1 else "parameters"
        message = f"no optimizer moves {value:.0f} {many} that the loss depends on ({told}{more})"
        evidence: dict[str, float | str] = {"parameters": value}
        evidence |= {f"of {name}": parts[name] for name in largest[:TOLD]}
        stale = now.numbers("stale").get(where, 0.0)
        if stale:
            message += (
                f"; the optimizer holds {stale:.0f} that are in no loss: it was made of another "
                "model, or before a part of this one was replaced"
            )
            evidence["held, but in no loss"] = stale
        return message, evidence


def _place(module: str) -> str:
    if module == "no module":
        return "of no module of the model"
    kind, alone, _ = module.partition(" in no module")
    return f"of {kind} modules that no other module holds" if alone else module
