"""BKS425: weights are initialised again while they are trained."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._finding import Finding
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, in_all, named, parts_of, percent

__all__ = ["Reinitialised"]

TOLD = 3
"""Parameters that are told by name."""


@dataclass
class Reinitialised(Rule):
    """``model.apply(init_weights)`` inside the loop over epochs."""

    code: ClassVar[str] = "BKS425"
    title: ClassVar[str] = "weights initialised again"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("weights_replaced", "weights_restored")
    optional_signals: ClassVar = ("made_anew", "put_back", "weights_lost", "weights_undone")
    explanation: ClassVar[str] = (
        "Between two steps, something else than the optimizer writes new weights into the model, "
        "which have nothing of the former ones. What was learned until then is lost, each time."
    )
    criterion: ClassVar[str] = (
        "Between the end of a step and the next backward pass, at least {share:g} of the largest "
        "matrices are replaced by others (the cosine between the two is below 0.5), {times:.0f} "
        "times, while the optimizer stays the same; or any of them are, in {row:.0f} "
        "samples in a row. Where a part of them is replaced {again:.0f} times, now and then, it is "
        "a note. Or parameters that each step moves, up and down, are what they were "
        "before it when the next pass begins, in three looks in a row or more, while others move "
        "(put_back). Or all matrices are exactly what they were before the first step, {back:.0f} "
        "times, after steps that had moved them (weights_restored). Or the loss depends on "
        "parameters that no optimizer holds and that are others in each of {anew:.0f} looks in a "
        "row, the former ones being gone (made_anew). A note: what is written between two steps "
        "takes back {undone:.0%} or more of what the steps have done since the write before, "
        "{often:.0f} times in a row (weights_undone). And a note: {share:g} of them are replaced "
        "where another optimizer begins, which holds them and others (weights_lost). Averaged, "
        "clamped, normalised or reloaded weights are like the former ones, and a new optimizer "
        "begins a new training."
    )
    causes: ClassVar = (
        "the initialisation stands inside the loop over epochs, or in a function called there",
        "reset_parameters() in forward, or in a method that is called to reset the state",
        "a constant that is a parameter, and is written again after each step",
        "a checkpoint of another run, or of the beginning, that is loaded in each epoch",
        "a layer that forward() makes, anew in each call",
        "a wrapper that initialises all its parameters, those of the trained model in it included",
        "averaged weights that are copied into the model for an evaluation, and stay there; or a "
        "target network that is copied into the one that learns",
    )
    remedies: ClassVar = (
        "initialise the model once, before the loop",
        "make layers in __init__, and use them in forward",
        "make what is to stay as it is a buffer (register_buffer)",
        "put the weights back after they were averaged for an evaluation, or evaluate a copy",
        "to reset a recurrent state, write zeros into the state instead of initialising the layer",
    )
    source: ClassVar[str] = "Backsight; public reports"

    share: float = 0.75
    """A head alone is made anew on purpose, where a policy has learned too early."""
    times: float = 2
    """Once may be a phase of its own."""
    row: float = 5
    """Samples in a row: a head is made anew now and then."""
    again: float = 4
    """Times that a part of them is."""
    back: float = 3
    """Times that all is what it was before the first step: twice may be folds."""
    anew: float = 3
    undone: float = 0.98
    often: float = 5
    """One that learns to learn takes back less, and averaging over a few steps half."""
    _anew: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _undone: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _part: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    """How often it was."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _times: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _back: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """A sample is enough where nothing is replaced."""
        return self.require(
            self.times, "sample", "of weights_replaced",
            sooner=(1, "weights_replaced is 0") if self.times > 1 else None,
        )  # fmt: skip

    def _update(self, now: Sample) -> None:
        for where, count in in_all(now, "put_back").items():
            if count > 0:
                self._tell_put_back(where, count, now)
        for where, count in now.numbers("made_anew").items():
            self._anew[where] = self._anew.get(where, 0) + 1 if count > 0 else 0
            if self._anew[where] >= self.anew:
                self._tell_anew(where, count, now.iteration)
        for where, share in now.numbers("weights_undone").items():
            self._undone[where] = self._undone.get(where, 0) + 1 if share >= self.undone else 0
            if self._undone[where] >= self.often and where not in self._times:
                self._tell_undone(where, share, now.iteration)
        for where, share in now.numbers("weights_lost").items():
            if share >= self.share and where not in self.findings:
                self._tell_lost(where, share, now.iteration)
        for where, restored in now.numbers("weights_restored").items():
            if not self.finite(where, restored):
                continue
            self._back[where] = self._back.get(where, 0) + (restored > 0)
            if self._back[where] >= self.back:
                self._tell_restored(where, now.iteration)
        for where, share in now.numbers("weights_replaced").items():
            if not self.finite(where, share):
                continue
            self._row[where] = self._row.get(where, 0) + 1 if share > 0 else 0
            if share < self.share and self._row[where] < self.row:
                self.ready = True  # it is no state: it may happen again
                self._part[where] = self._part.get(where, 0) + (share > 0)
                if share > 0 and self._part[where] >= self.again and where not in self._times:
                    self._tell(where, share, self._part[where], now, "a part of the model is")
                continue
            self._times[where] = self._times.get(where, 0) + 1
            self.usable(where, self._times[where])
            if self._times[where] >= self.times or self._row[where] >= self.row:
                self.ready = True
                found = self._tell(where, share, self._times[where], now, "the model is")
                found.severity = self.severity  # a part of it may have been told before

    def _tell(self, where: str, share: float, times: int, now: Sample, what: str) -> Finding:
        return self.found(
            where,
            now.iteration,
            f"{percent(share)} of the largest weight matrices were replaced by others between two "
            f"steps, and that {times} times or more: {what} initialised again while it trains",
            {"share of matrices": share, "times": float(times)},
            signals=(named("weights_replaced", where),),
            severity="info" if share < self.share and self._row[where] < self.row else None,
        )

    def _tell_put_back(self, where: str, count: float, now: Sample) -> None:
        names = sorted(parts_of(now, "put_back", where))
        told = ", ".join(names[:TOLD]) + (" and others" if len(names) > TOLD else "")
        are = "is" if len(names) == 1 else "are"
        self.found(
            where,
            now.iteration,
            f"{told} {are} put back after each step to what {'it' if are == 'is' else 'they'} "
            f"{'was' if are == 'is' else 'were'} before: whatever the optimizer does is undone",
            {"parameters": count},
            signals=(named("put_back", where),),
        )

    def _tell_anew(self, where: str, count: float, iteration: int) -> None:
        self.found(
            where,
            iteration,
            f"{count:.0f} parameters that the loss depends on are others in each iteration, and no "
            "optimizer holds them: a layer is made anew in each call, and learns nothing",
            {"parameters": count},
            signals=(named("made_anew", where),),
        )

    def _tell_undone(self, where: str, share: float, iteration: int) -> None:
        times = self._undone[where]
        self.found(
            where,
            iteration,
            f"what is written into the weights between steps takes back {percent(share)} of what "
            f"the steps before it have done, {times} times in a row: they stay about where they "
            "were",
            {"share taken back": share, "times": float(times)},
            signals=(named("weights_undone", where),),
            severity="info",
        )

    def _tell_lost(self, where: str, share: float, iteration: int) -> None:
        self.found(
            where,
            iteration,
            f"{percent(share)} of the largest weight matrices of an optimizer were replaced by "
            "others before another, which holds them and more, began: what was learned until then "
            "is lost",
            {"share of matrices": share},
            signals=(named("weights_lost", where),),
            severity="info",
        )

    def _tell_restored(self, where: str, iteration: int) -> None:
        times = self._back[where]
        found = self.found(
            where,
            iteration,
            f"all weights were put back {times} times to exactly what they were before the first "
            "step: what was learned in between is lost",
            {"times": float(times)},
            signals=(named("weights_restored", where),),
        )
        found.severity = self.severity
