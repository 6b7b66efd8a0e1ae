"""BKS301: the model uses the last few steps and nothing further back."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._context import usable_context
from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, of_module, short
from backsight.signals import measure_reach

__all__ = ["ShortTerm"]


@dataclass
class ShortTerm(Rule):
    """The loss improves with a little context, and with no more."""

    code: ClassVar[str] = "BKS301"
    title: ClassVar[str] = "short-term patterns only"
    severity: ClassVar = "warning"
    reads: ClassVar = ("context_loss", "reach")
    optional_signals: ClassVar = ("context_length",)
    leads_to: ClassVar = ("BKS303",)
    explanation: ClassVar[str] = (
        "Beyond a few steps, more context does not lower the loss: the model has learned what the "
        "last few steps tell, and ignores what lies further back although the task needs it."
    )
    criterion: ClassVar[str] = (
        "The usable context (the smallest context within 1 % of the loss at full context) is below "
        "{share:g} of the known memory demand; where that is unknown, it is below {window:g} of "
        "the longest context measured, and the horizon of the gradient is no longer than it. The "
        "loss at full context is at least 2 % below the loss at the shortest one, which shows that "
        "the model has learned something. All this holds {times:.0f} times in a row."
    )
    causes: ClassVar = (
        "gradients that vanish through time (see BKS101)",
        "windows that are shorter than the memory demand, or a detached state",
        "too little training: a model learns short patterns first",
        "data in which nothing further back matters (then it is not a fault)",
    )
    remedies: ClassVar = (
        "measure the reach, and extend it with orthogonal initialisation, a GRU or an LSTM",
        remedy("use a window of at least twice the memory demand, or carry the state", window=1),
        "train for longer",
    )
    studied_remedies: ClassVar = ("orthogonal", "gru", "lstm")
    source: ClassVar[str] = "Khandelwal et al. 2018 (context truncation); shares: Backsight"

    share: float = 0.5
    """Of the needed lag."""
    window: float = 0.05
    """Of the longest context."""

    times: float = 3
    """In a row: on its way every model uses a little first."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _horizons: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """The loss by context is measured only on request."""
        of = "of context_loss at 3 or more lengths, which monitor.context measures"
        return self.require(1, "sample", of)

    def _update(self, now: Sample) -> None:
        for layer, reach in now.rows("reach").items():
            far = measure_reach(reach).horizon
            if far is not None:
                self._horizons[layer] = far.steps
        for member, row in now.rows("context_loss").items():
            lengths = now.rows("context_length").get(member)
            if lengths is None or len(row) < 3:
                continue
            if not self.finite(member, row):
                continue
            self.ready = True
            usable = usable_context(lengths, row)
            gain = float(row[0] - row[-1])
            # Something was learned, or there is nothing that could be called short-term.
            if gain <= 0.02 * abs(float(row[0])):
                self._row.pop(member, None)
                self.resolve(member, now.iteration)
                continue
            lag = now.facts.lag
            limit = self.share * lag if lag else self.window * float(lengths[-1])
            reaches_on = lag is None and any(h > usable.steps for h in self._horizons.values())
            if usable.steps >= limit or reaches_on:
                self._row.pop(member, None)
                self.resolve(member, now.iteration)
                continue
            self._row[member] = self._row.get(member, 0) + 1
            if self._row[member] < self.times:
                continue
            self.found(
                member,
                now.iteration,
                f"the loss{of_module(member)} falls from {short(float(row[0]))} to "
                f"{short(float(row[-1]))} with more context, and is within 1 % of that with "
                f"{usable.steps} of {lengths[-1]:.0f} steps"
                + (f"; the task needs {lag}" if lag else ""),
                {"usable context": usable.steps, "at least": usable.low, "at most": usable.high}
                | ({"needed lag": float(lag)} if lag else {}),
                signals=(named("context_loss", member),),
            )
