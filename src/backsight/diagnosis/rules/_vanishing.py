"""BKS101: the gradient vanishes on its way back, and the loss needs what lies there."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, named, of_module, short
from backsight.signals import reach_cut, reach_horizon

__all__ = ["Vanishing"]


@dataclass
class Vanishing(Rule):
    """Out of reach, and wanted."""

    code: ClassVar[str] = "BKS101"
    title: ClassVar[str] = "gradient vanishes through time"
    severity: ClassVar = "error"
    reads: ClassVar = ("reach",)
    optional_signals: ClassVar = ("loss",)
    explanation: ClassVar[str] = (
        "The gradient of the loss falls below 1 % within a few steps on its way back, and what the "
        "loss needs lies further back: the weights never hear of it. Parameter gradients look "
        "fine meanwhile, since they are sums that the last few steps dominate."
    )
    criterion: ClassVar[str] = (
        "The horizon (the largest lag with R ≥ 0.01, median of the last {samples:.0f} samples) is "
        "below {share:g} of the lag that the task is known to ask for (watch(…, lag=40); the lab "
        "knows its own), and after {patience:.0f} losses their level is not {better:g} below what "
        "a shorter memory achieves, nor the median of the last 20 that much below that of the last "
        "50, of a loss that still comes down. A gradient that fades where nothing further back is "
        "needed is no fault, so that without a known lag nothing is said; BKS302 then names the "
        "horizon."
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
        "Pascanu's penalty on gradients that fade or grow from step to step (--guard safe,omega)",
        "clip gradients and raise the learning rate a little",
    )
    studied_remedies: ClassVar = ("orthogonal", "lstm", "chrono", "gru", "curriculum", "omega")
    source: ClassVar[str] = (
        "Hochreiter 1991; Bengio et al. 1994; Pascanu et al. 2013. The reach and its horizon: "
        "Backsight"
    )

    share: float = 0.3
    """Of what is needed: what is 1 % there is 2e-7 where it is needed, no more than float32 keeps
    of a sum. Networks that start slowly have bridged what is 1 % at 0.36 of it."""
    better: float = 0.05
    """A loss that much below the memoryless baseline has the information from somewhere."""
    samples: float = 5
    """Of the reach."""
    patience: float = 100
    """Before that no network has learned to remember."""
    _shares: dict[str, Recent] = field(default_factory=dict, init=False, repr=False)

    @property
    def needs(self) -> str:
        """The lag has to be told."""
        return "it needs reach, loss, and the lag that the task asks for (watch(…, lag=…))"

    def _update(self, now: Sample) -> None:
        lag, baseline = now.facts.lag, now.facts.baseline
        for layer, row in now.rows("reach").items():
            far = reach_horizon(row)
            if not self.finite(layer, row):
                continue
            if far is None or len(row) < 3 or reach_cut(row) is not None:
                continue  # a cut is a finding of its own
            if lag is None:
                continue
            window = len(row) - 1
            needed = min(lag, window)
            # What is censored reaches the window's end: nothing there is out of reach.
            seen = self._shares.setdefault(layer, Recent(int(self.samples)))
            seen.add(1.0 if far.censored else far.steps / needed)
            course = now.courses.get(now.label)
            if len(seen) < 3 or course is None or not course.settled:
                continue
            self.ready = True
            best = next(b for b in (now.facts.near, baseline, course.start) if b is not None)
            learned = course.level < best - self.better * abs(best)
            if course.count < self.patience or learned or seen.median >= self.share:
                self.resolve(layer, now.iteration)
                continue
            usual = course.usual.median
            falls = usual - course.level > self.better * abs(usual)
            if falls and layer not in self.findings:
                continue
            horizon = seen.median * needed
            self.found(
                layer,
                now.iteration,
                f"the gradient{of_module(layer)} is below 1 % after {horizon:.0f} of {window} "
                f"steps; the loss asks for what lies {lag} steps back, and stays at "
                f"{short(course.level)}",
                {"horizon": horizon, "window": window, "needed lag": float(lag)}
                | {"loss level": course.level}
                | ({} if baseline is None else {"memoryless baseline": baseline}),
                signals=(f"reach/{layer}", named("loss", now.label)),
            )
