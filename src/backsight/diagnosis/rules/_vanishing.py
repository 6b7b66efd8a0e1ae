"""BKS101: the gradient vanishes on its way back, and the loss needs what lies there."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._finding import Severity
from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, named, of_module, short
from backsight.diagnosis.rules._arriving import arriving
from backsight.diagnosis.rules._at_the_guess import at_the_guess
from backsight.diagnosis.stability import LossHistory
from backsight.signals import measure_reach, reach_extent

__all__ = ["Vanishing"]


@dataclass
class Vanishing(Rule):
    """Out of reach, and wanted."""

    code: ClassVar[str] = "BKS101"
    title: ClassVar[str] = "gradient vanishes through time"
    severity: ClassVar = "error"
    reads: ClassVar = ("reach",)
    optional_signals: ClassVar = ("guess_loss", "loss", "memory_alike", "reach_share")
    leads_to: ClassVar = (
        "BKS105",
        "BKS301",
        "BKS302",
        "BKS303",
        "BKS402",
    )
    explanation: ClassVar[str] = (
        "Going back from the loss, the gradient fades within a few steps, but the loss depends on "
        "inputs from further back. The weights therefore get no signal to use those inputs. The "
        "norms of the parameter gradients still look normal, because they are sums that the last "
        "few steps dominate."
    )
    criterion: ClassVar[str] = (
        "At the lag that the task needs, which watch(…, lag=40) states and the lab knows for its "
        "own tasks, the gradient is below {share:g} of what the strongest earlier step gets (the "
        "median of the last {samples:.0f} samples; at the oldest step where the window is "
        "shorter; over the sequences that have the lag where their lengths differ). After "
        "{patience:.0f} losses, the loss is less than a fraction of {better:g} below the loss "
        "that a shorter memory achieves, and it no longer falls: the median of the last 20 losses "
        "is less than the same fraction below the median of the last 50. Where nobody has said "
        "what the task needs, the sequences may: those that are alike in their last steps, as in a "
        "pause, differ only before them (memory_alike). If the loss has never been below that of "
        "the best constant answer in {never:.0f} losses, it is an error that the gradient there is "
        "below {share:g}; a note that it was below {little:g} in most samples, and a warning after "
        "{enough:.0f} losses. A gradient that vanishes where nothing further back is needed is not "
        "a fault, so the rule reports nothing elsewhere; BKS302 then states the horizon."
    )
    causes: ClassVar = (
        "a recurrent matrix with a spectral radius that is too small (default initialisation)",
        "tanh or sigmoid states that saturate",
        "a window that is longer than the lag that the cell can bridge",
    )
    remedies: ClassVar = (
        "initialise the recurrent matrix orthogonally",
        "use a GRU, or an LSTM with a forget-gate bias of 1 or a chrono initialisation; start a "
        "gated linear recurrence (minGRU, Mamba) with gates that keep the state",
        remedy("start with short sequences and lengthen them as the reach grows", window=-1),
        (
            "add Pascanu's penalty on gradients that shrink or grow from step to step (--guard "
            "safe,omega)"
        ),
        remedy("clip gradients and raise the learning rate a little", lr=1),
    )
    studied_remedies: ClassVar = ("orthogonal", "lstm", "chrono", "gru", "curriculum", "omega")
    source: ClassVar[str] = (
        "Hochreiter 1991; Bengio et al. 1994; Pascanu et al. 2013. Reach and horizon: Backsight"
    )

    share: float = 1e-6
    """Of the strongest earlier step: no more than float32 keeps of a sum. A gradient that decays
    to 1 % at a third of the way is as small at the end; networks that start slowly have bridged
    what is 1 % at 0.36 of it."""
    better: float = 0.05
    """A loss that much below the memoryless baseline has the information from somewhere."""
    samples: float = 5
    """Of the reach."""
    patience: float = 100
    """Before that no network has learned to remember."""
    never: float = 350
    """Losses, none of them below the best constant answer, where the lag is not stated."""
    enough: float = 800
    """Losses: memory tasks sit at their best guess for hundreds of iterations before they jump."""
    little: float = 0.01
    """Of the strongest earlier step: it is learned last, and a network may grow to bridge it."""
    _alike: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    """By model, the last steps in which its sequences are alike."""
    _faded: dict[str, tuple[int, int]] = field(default_factory=dict, init=False, repr=False)
    """By model, the samples with too little of a gradient before these steps, and all samples."""
    _where: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    """By model, the layer that a finding without a stated lag was first about."""
    _guesses: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """By model, the newest loss of the best constant answer."""
    _shares: dict[str, Recent] = field(default_factory=dict, init=False, repr=False)
    _stated: bool = field(default=False, init=False, repr=False)
    """Whether the memory demand is known; before the first sample, nobody has said so."""

    @property
    def requirement(self) -> Requirement:
        """Samples, a loss whose level means anything, and the memory demand, which is stated."""
        of = "of reach in which a gradient arrives uncut"
        lag = "" if self._stated else "the memory demand of the task, which watch(…, lag=…) states"
        return self.require(self._least, "sample", of, losses=LossHistory.SETTLED, also=lag)

    @property
    def _least(self) -> int:
        """Samples that make a median."""
        return min(3, int(self.samples))

    def _update(self, now: Sample) -> None:
        lag, baseline = now.facts.lag, now.facts.baseline
        arrives: dict[str, float] = {}
        alike = self._alike_steps(now) if lag is None else 0
        for layer, row in now.rows("reach").items():
            if not self.finite(layer, row):
                continue
            measures = measure_reach(row)
            if measures.outcome != "ok" or measures.earlier < 2 or measures.cut is not None:
                continue  # a cut is a finding of its own
            self.usable(layer)
            self._stated = lag is not None
            if lag is None:
                if 0 < alike <= measures.earlier:
                    ragged = now.rows("reach_share").get(layer)
                    arrives[layer] = arriving(row, ragged, alike)
                continue
            window = measures.earlier
            seen = self._shares.setdefault(layer, Recent(int(self.samples)))
            ragged = now.rows("reach_share").get(layer)
            seen.add(arriving(row, ragged, min(lag, window)))
            course = now.courses.get(now.label)
            if len(seen) < self._least or course is None or not course.settled:
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
            told = f"no gradient{of_module(layer)} goes back in time"
            if measures.goes_back:
                told = (
                    f"at lag {min(lag, window)}, the gradient{of_module(layer)} is "
                    f"{_little(seen.median)} ({reach_extent(measures)})"
                )
            self.found(
                layer,
                now.iteration,
                f"{told}; the task needs inputs from {lag} steps back, and the loss stays at "
                f"{short(course.level)}",
                {"share at the needed lag": seen.median, "window": window}
                | {"needed lag": float(lag), "loss level": course.level}
                | ({} if baseline is None else {"memoryless baseline": baseline}),
                signals=(f"reach/{layer}", named("loss", now.label)),
            )
        if arrives:
            self._update_alike(now, alike, arrives)

    def _alike_steps(self, now: Sample) -> int:
        """The last steps in which the sequences are alike, at the least; 0 where unknown."""
        newest = now.numbers("guess_loss")
        self._guesses |= {member: g for member, g in newest.items() if math.isfinite(g)}
        seen = [one for one in now.numbers("memory_alike").values() if math.isfinite(one)]
        if seen:
            before = self._alike.get(now.label, int(min(seen)))
            self._alike[now.label] = min(before, int(min(seen)))
        return self._alike.get(now.label, 0)

    def _update_alike(self, now: Sample, alike: int, arrives: dict[str, float]) -> None:
        """Nothing in the last steps tells one sequence from another, and no layer's gradient
        arrives at what does."""
        layer = max(arrives, key=arrives.__getitem__)
        where = self._where.get(now.label, layer)
        recent = self._shares.setdefault(now.label, Recent(int(self.samples)))
        recent.add(arrives[layer])
        faded, count = self._faded.get(now.label, (0, 0))
        faded, count = faded + (arrives[layer] < self.little), count + 1
        self._faded[now.label] = faded, count
        course, guess = now.courses.get(now.label), self._guesses.get(now.label)
        if course is None or guess is None or not course.settled or count < self._least:
            return
        self.ready = True
        stuck = at_the_guess(course, guess, self.better) and course.count >= self.never
        if not stuck or 2 * faded <= count:
            self.resolve(where, now.iteration)
            return
        self._where[now.label] = where
        severity: Severity = self.severity
        told = f"is {_little(recent.median)}"
        if recent.median >= self.share:
            severity = "warning" if course.count >= self.enough else "info"
            told = (
                f"was below {self.little:g} of that at the strongest earlier step in {faded} of "
                f"{count} samples"
            )
        one = self.found(
            where,
            now.iteration,
            f"at lag {alike}, the gradient{of_module(where)} {told}; the sequences are alike in "
            f"their last {alike} steps, and the loss has never been below that of the best "
            f"constant answer, {short(guess)}",
            {"share at the needed lag": recent.median, "needed lag": float(alike)}
            | {"loss level": course.level, "loss of the best constant answer": guess, "since": 0},
            signals=(f"reach/{where}", named("loss", now.label)),
            severity=severity,
        )
        if severity != "info" and one.severity == "info":
            self.raised.append((now.iteration, one))
        one.severity = severity


def _little(share: float) -> str:
    return f"{share:.0e} of that at the strongest earlier step" if share else "zero"
