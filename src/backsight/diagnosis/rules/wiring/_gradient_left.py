"""BKS410: gradients are not zeroed between steps, so that each step repeats all earlier ones."""

from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, of_module, percent, short

__all__ = ["GradientKept"]


@dataclass
class GradientKept(Rule):
    """``zero_grad`` is missing, or stands in the wrong loop."""

    code: ClassVar[str] = "BKS410"
    title: ClassVar[str] = "gradients not zeroed, or too soon"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    spares: ClassVar = ("BKS402",)
    reads: ClassVar = ("gradient_left", "passes_thrown")
    explanation: ClassVar[str] = (
        "backward() adds to the gradients that are there. They still hold those of the steps "
        "before, so that every step repeats what earlier batches asked for: the gradient grows, "
        "and the training behaves as with a far too large momentum. Zeroed between backward() and "
        "step(), they tell the step nothing, and the model stays as it is. Zeroed before each of "
        "several passes that are to add up, they tell it of the last one alone."
    )
    criterion: ClassVar[str] = (
        "In at least {samples:.0f} of the last {window:.0f} samples, and in half of them, "
        "the gradient that the last step has read is there unchanged when the next backward "
        "begins, in each pass between the two steps; or that of some parameters is, while others "
        "are zeroed (not where another optimizer moves those). Without an optimizer, a step is "
        "when the parameters move. What is there on purpose (gradients that are scaled down "
        "instead of zeroed) is told as a note. Or, in as many samples, an optimizer begins its "
        "step without any of the gradients that backward has brought: an error. Or, before as many "
        "steps in a row, the loss of each of three passes or "
        "more is divided by their number and made by the same operations, and all but the last "
        "one's gradients are zeroed."
    )
    causes: ClassVar = (
        "optimizer.zero_grad() is missing",
        "it stands outside of the loop over batches, and is called once an epoch",
        "zero_grad() of another optimizer, of a part of the model, or of a model that does not "
        "hold these parameters",
        "zero_grad() between backward() and step()",
        "zero_grad() before each of the passes whose gradients are to add up",
    )
    remedies: ClassVar = (
        "call optimizer.zero_grad() before each backward(), or after each step()",
        "if gradients are to add up over several batches, step only once after all of them",
    )
    source: ClassVar[str] = "PyTorch's tutorials; a frequent question"

    samples: float = 3
    window: float = 8
    same: float = 1e-4
    """A share that differs less from 1 was not changed."""
    _shares: dict[str, "deque[float]"] = field(default_factory=dict, init=False, repr=False)
    _lost: int = field(default=0, init=False, repr=False)
    """Samples in a row in which a step finds no gradient."""
    _alone: int = field(default=0, init=False, repr=False)
    """Samples in a row in which a step reads the last of several passes alone."""

    @property
    def requirement(self) -> Requirement:
        """A few steps."""
        return self.require(
            self.samples, "sample", "of gradient_left",
            sooner=(1, "nothing is left") if self.samples > 1 else None,
        )  # fmt: skip

    def _update(self, now: Sample) -> None:
        for where, thrown in now.numbers("passes_thrown").items():
            if not self.finite(where, thrown):
                continue
            self._alone = self._alone + 1 if thrown > 0 else 0
            if self._alone >= self.samples:
                self.ready = True
                self._tell_thrown(now.iteration, thrown)
        for where, share in now.numbers("gradient_left").items():
            if not self.finite(where, share):
                continue
            if share < 0:
                self._lost += 1
                if self._lost >= self.samples:
                    self.ready = True
                    self._tell_lost(where, now.iteration)
                continue
            self._lost = 0
            # An epoch's first step may find none.
            recent = self._shares.setdefault(where, deque(maxlen=int(self.window)))
            recent.append(share)
            kept = [one for one in recent if one]
            self.usable(where, len(kept))
            if share == 0:
                self.ready = True
                # A look at each epoch's first step alone may find none in a row.
                if not kept and self._alone < self.samples:
                    self.resolve(where, now.iteration)
            elif len(kept) >= max(self.samples, len(recent) / 2):
                self.ready = True
                self._tell(where, now.iteration, share, all(one >= 1 - self.same for one in kept))

    def _tell_lost(self, where: str, iteration: int) -> None:
        self.found(
            where,
            iteration,
            "each step begins without the gradient that backward has brought: gradients are zeroed "
            "between backward() and step(), and nothing is learned",
            {"share": 0.0},
            signals=(named("gradient_left", where),),
            severity="error",
        )

    def _tell_thrown(self, iteration: int, thrown: float) -> None:
        self.found(
            "",
            iteration,
            f"the gradients of {thrown:.0f} of {thrown + 1:.0f} backward passes are zeroed before "
            "the next one begins, though the loss of each is divided by their number: they are to "
            "add up, and the step reads the last one alone",
            {"passes thrown away": thrown},
            signals=("passes_thrown",),
        )

    def _tell(self, where: str, iteration: int, share: float, unchanged: bool) -> None:
        if unchanged and where:
            message = (
                f"the gradient{of_module(where)} in the last step is still there when the next "
                "backward begins, and that of other parameters is not: it adds up from step to step"
            )
        elif unchanged:
            message = (
                "the gradient of the last step is still there when the next backward begins: "
                "gradients are not zeroed, and add up from step to step"
            )
        else:
            message = (
                f"{percent(share)} of the gradient{of_module(where)} in the last step is left when "
                "the next backward begins: gradients are scaled, not zeroed"
            )
        self.found(
            where,
            iteration,
            message,
            {"share": float(short(share))},
            signals=(named("gradient_left", where),),
            severity=self.severity if unchanged else "info",
        )
