"""BS101: the gradient vanishes on its way back, and the loss needs what lies there."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, named, short, where_words
from backsight.signals import reach_cut, reach_horizon

__all__ = ["Vanishing"]


@dataclass
class Vanishing(Rule):
    """Out of reach, and wanted."""

    code: ClassVar[str] = "BS101"
    title: ClassVar[str] = "gradient vanishes through time"
    severity: ClassVar = "error"
    reads: ClassVar = ("reach", "context_loss")
    meaning: ClassVar[str] = (
        "The gradient of the loss falls below 1 % within a few steps on its way back, and what the "
        "loss needs lies further back: the weights never hear of it. Parameter gradients look "
        "fine meanwhile, since they are sums that the last few steps dominate."
    )
    decided: ClassVar[str] = (
        "The horizon (the largest lag with R ≥ 0.01, median of the last {samples:.0f} samples) is "
        "below {share:g} of what is needed, and a second sign: the known lag of the task lies "
        "beyond it while the loss is not {better:g} below what a shorter memory achieves; or, "
        "where no lag is known, it is below {share:g} of the window, the loss by context says that "
        "no context makes a difference, and the loss has not come down for {patience:.0f} "
        "iterations. A gradient that fades where nothing further back is needed is no fault."
    )
    causes: ClassVar = (
        "a recurrent matrix whose spectral radius is too small (default initialisation)",
        "tanh or sigmoid states that saturate",
        "a window that is longer than the cell can bridge",
    )
    remedies: ClassVar = (
        "orthogonal initialisation of the recurrent matrix",
        "an LSTM with a forget-gate bias of 1 or a chrono initialisation, or a GRU",
        "start with short sequences and lengthen them as the reach grows",
        "clip gradients and raise the learning rate a little",
    )
    source: ClassVar[str] = (
        "Hochreiter 1991; Bengio et al. 1994; Pascanu et al. 2013. The reach and its horizon: "
        "Backsight"
    )

    share: float = 0.5
    """Of what is needed: half of it is far below."""
    better: float = 0.05
    """A loss that much below the memoryless baseline has the information from somewhere."""
    samples: float = 5
    """Of the reach."""
    patience: float = 800
    """Iterations without any progress, where no lag is known."""
    _shares: dict[str, Recent] = field(default_factory=dict, init=False, repr=False)

    _no_help: bool = field(default=False, init=False, repr=False)
    """Whether the newest loss by context is the same for every length."""

    def _see(self, now: Sample) -> None:
        for row in now.rows("context_loss").values():
            self._no_help = bool(row[0] - row[-1] <= 0.02 * abs(row[-1]))
        for layer, row in now.rows("reach").items():
            far = reach_horizon(row)
            if not self.finite(layer, row):
                continue
            if far is None or len(row) < 3 or reach_cut(row) is not None:
                continue  # a cut is a finding of its own
            window = len(row) - 1
            needed = float(window if now.facts.lag is None else min(now.facts.lag, window))
            # What is censored reaches the window's end: nothing there is out of reach.
            seen = self._shares.setdefault(layer, Recent(int(self.samples)))
            seen.add(1.0 if far.censored else far.steps / needed)
            if len(seen) < 3:
                continue
            self.ready = True
            course = now.courses.get(now.label)
            if course is None or not course.settled:
                continue
            horizon = seen.median * needed
            lag, baseline = now.facts.lag, now.facts.baseline
            if lag is not None:
                known = True
                best = next(b for b in (now.facts.near, baseline, course.start) if b is not None)
                learned = course.level < best - self.better * abs(best)
                stuck = course.count >= 100 and not learned
            else:
                known = False
                stuck = self._no_help and course.count >= self.patience and not course.learned
            if not (stuck and seen.median < self.share):
                self.over(layer, now.iteration)
                continue
            wanted = (
                f"the loss asks for what lies {lag} steps back, and stays at {short(course.level)}"
                if known
                else f"the loss has not come down from {short(course.start)} in "
                f"{course.count:,} iterations"
            )
            self.found(
                layer,
                now.iteration,
                f"the gradient{where_words(layer)} is below 1 % after {horizon:.0f} of {window} "
                f"steps; {wanted}",
                {"horizon": horizon, "window": window, "loss level": course.level}
                | ({"needed lag": float(lag)} if lag is not None else {})
                | ({} if baseline is None else {"memoryless baseline": baseline}),
                signals=(f"reach/{layer}", named("loss", now.label)),
            )
