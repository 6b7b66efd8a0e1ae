"""BKS302: the loss has not come down."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, of_module, short
from backsight.diagnosis.rules._arriving import arriving
from backsight.diagnosis.stability import LossHistory
from backsight.signals import ReachMeasures, measure_reach, reach_extent

__all__ = ["NoLearning"]


@dataclass
class NoLearning(Rule):
    """Where it began, or at the best guess without memory."""

    code: ClassVar[str] = "BKS302"
    title: ClassVar[str] = "no learning"
    severity: ClassVar = "error"
    reads: ClassVar = ("loss",)
    optional_signals: ClassVar = ("reach", "reach_share")
    explanation: ClassVar[str] = (
        "After hundreds of iterations the loss is still at its initial level, or at that of the "
        "best guess without memory."
    )
    criterion: ClassVar[str] = (
        "After {patience:.0f} losses, the lowest median of 100 consecutive losses is at most a "
        "fraction of {share:g} below the memoryless baseline, or below the initial loss where no "
        "baseline is known. A larger fall does not count as learning either if it is within the "
        "noise: 3 standard errors of the initial loss or, where a baseline is known, 5 of a median "
        "of 100 losses."
    )
    causes: ClassVar = (
        "a learning rate that is far too small, or so large that every step undoes the last",
        "information that lies further back than the gradient reaches (see BKS101)",
        "targets that do not belong to their inputs (after a shuffle, or by an offset)",
        "a parameter or a layer that gets no gradient (see BKS402)",
    )
    remedies: ClassVar = (
        "overfit a single batch first: if that fails, the code is wrong",
        "raise the learning rate by a factor of 10",
        "measure how far the gradient reaches, and begin with shorter sequences that still hold "
        "what the answer needs",
        "initialise the recurrent matrix orthogonally; use a GRU or an LSTM",
    )
    studied_remedies: ClassVar = ("lr-tenfold", "curriculum", "orthogonal", "gru", "lstm")
    source: ClassVar[str] = "Backsight; SageMaker Debugger compares single losses"

    patience: float = 800
    """Memory tasks sit at their baseline for hundreds of iterations before they jump."""
    share: float = 0.03
    """Of the baseline."""

    visible: float = 0.01
    """Of the strongest earlier step, at a known lag: a gradient below it is told."""

    _short: dict[str, ReachMeasures | None] = field(default_factory=dict, init=False, repr=False)
    """By layer, the newest measures where the gradient does not reach what may be needed."""

    @property
    def requirement(self) -> Requirement:
        """All its patience, unless the loss falls."""
        least = LossHistory.DEEP // 2  # before that, nothing is known of a median of 100
        sooner = (least, "the loss has fallen clearly by then") if self.patience > least else None
        return self.require(max(self.patience, least), "loss", sooner=sooner)

    def _update(self, now: Sample) -> None:
        for layer, row in now.rows("reach").items():
            measures = measure_reach(row)
            if measures.horizon is not None and measures.earlier:
                falls_short = self._falls_short(layer, row, measures, now)
                self._short[layer] = measures if falls_short else None
        for member in now.numbers("loss"):
            course = now.courses[member]
            if not self.finite(member, course.value):
                continue
            self.usable(member)
            if not math.isfinite(course.deep):
                continue
            baseline = now.facts.baseline
            against = course.began if baseline is None else baseline
            fallen = against - course.deep
            stuck = fallen <= max(
                self.share * abs(against), course.margin if baseline is None else 0
            )
            if not stuck and baseline is not None and fallen < 0.5 * abs(against):
                # The lowest of many medians of 100 lies up to five standard errors lower.
                stuck = fallen <= 5 * 1.25 * max(course.noise, course.usual.spread) / 10
            if not stuck:
                self.ready = True
                self.resolve(member, now.iteration)
                continue
            if course.count < self.patience:
                continue
            self.ready = True
            short_of = {layer: one for layer, one in self._short.items() if one is not None}
            told = "".join(
                f"; the gradient{of_module(layer)} is {reach_extent(one)}"
                if one.goes_back
                else f"; no gradient{of_module(layer)} goes back in time"
                for layer, one in short_of.items()
            )
            from_ = (
                f"it started at {short(against)}"
                if baseline is None
                else f"guessing without memory gives {short(against)}"
            )
            self.found(
                member,
                now.iteration,
                f"after {course.count:,} iterations the loss is at {short(course.level)}; {from_}"
                f"{told}",
                {"level": course.level, "start": course.start}
                | ({} if baseline is None else {"memoryless baseline": baseline})
                | {
                    f"horizon {layer}".rstrip(): one.horizon.steps
                    for layer, one in short_of.items()
                    if one.horizon is not None
                },
                signals=(named("loss", member), *(named("reach", layer) for layer in short_of)),
            )

    def _falls_short(
        self, layer: str, row: NDArray[np.floating], measures: ReachMeasures, now: Sample
    ) -> bool:
        """Whether it does not reach a known lag; where none is known, half of the window."""
        if now.facts.lag is not None:
            return arriving(now, layer, row, min(now.facts.lag, measures.earlier)) < self.visible
        return 2 * measures.unreached > measures.earlier
