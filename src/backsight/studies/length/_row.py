"""What a trial of a length study came to, from the signals it recorded."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.errors import RunError
from backsight.signals import Lag, Run, measure_reach, reach_share
from backsight.studies._folder import StudyFolder
from backsight.studies._result import TrialOutcome, read_result, values_of
from backsight.studies._runs import read_row
from backsight.studies.length._plan import LengthPlan, LengthSetting

__all__ = ["LengthTrial", "Spread", "read_length_trial", "read_trial", "spread"]


@dataclass(frozen=True, slots=True)
class LengthTrial:
    """One trial in numbers. What was not recorded is None; what is not finite stays so.

    Example:
        >>> from backsight.studies import LengthTrial
        >>> trial = LengthTrial("rnn", length=40, seed=0, outcome="learned", loss=0.5, baseline=2.0)
        >>> trial.gain
        1.5
    """

    cell: str
    length: int
    seed: int
    outcome: TrialOutcome
    reason: str = ""
    """In words, where there is no result, or a guard gave up."""
    timed_out: bool = False
    """Whether it was stopped because it had not finished in time."""
    iterations: int = 0
    steps: int | None = None
    """Unrolled in an iteration, as seen (median)."""
    loss: float | None = None
    """Validation loss at the end, else the median of the last tenth of the training losses."""
    baseline: float | None = None
    """What a guess without memory costs; else the loss at the beginning."""
    short_loss: float | None = None
    """At the end, from ``short_context`` steps of context alone."""
    short_context: int | None = None
    lag: int | None = None
    """How far back the task asks, where that is known."""
    grad_median: float | None = None
    grad_max: float | None = None
    """Infinite or NaN where any gradient was."""
    hidden_mean: float | None = None
    hidden_max: float | None = None
    hidden_drift: float | None = None
    """Hidden-state norm at the last step of a window relative to half way, in the last sample."""
    half_life: Lag | None = None
    horizon: Lag | None = None
    """Median over the samples, of the layer that reaches furthest."""
    share_at_lag: float | None = None
    """What the step that the task needs gets of the strongest earlier step's gradient, likewise."""
    growth: float | None = None
    """Of the gradient, a step back (natural logarithm); the median."""
    seconds: float | None = None
    """An iteration takes, in the median where that was recorded."""
    findings: tuple[str, ...] = ()
    """Codes of what is wrong with the run and lasts, without what only costs time."""

    @property
    def gain(self) -> float:
        """How much less than a guess it costs; −∞ where the loss is not finite, NaN if unknown."""
        if self.outcome == "not finite":
            return -math.inf
        if self.loss is None or self.baseline is None:
            return math.nan
        return self.baseline - self.loss

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Spread:
    """A number over seeds."""

    median: float
    low: float
    high: float
    count: int
    """Finite ones, which the three are of."""
    broken: int
    """Not finite ones."""


def spread(values: Sequence[float | None]) -> Spread | None:
    """Median and range of what is known; None where nothing is.

    The three are NaN where nothing of it is finite.
    """
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if not known.size:
        return None
    finite = known[np.isfinite(known)]
    broken = int(known.size - finite.size)
    if not finite.size:
        return Spread(math.nan, math.nan, math.nan, 0, broken)
    middle = float(np.median(finite))
    return Spread(middle, float(finite.min()), float(finite.max()), int(finite.size), broken)


def read_length_trial(plan: LengthPlan, setting: LengthSetting, place: StudyFolder) -> LengthTrial:
    """A trial's row; one that died, or was not run, has one as well."""
    row, failure = read_row(
        place,
        setting.name,
        lambda run: read_trial(setting, run, plan.lengths[0]),
        script=plan.script,
    )
    if row is not None and failure is None:
        return row
    assert failure is not None
    if row is None:
        row = LengthTrial(setting.cell, setting.length, setting.seed, failure.outcome)
    # A loss half way must not be taken for one at the end.
    return replace(row, **asdict(failure), loss=None, short_loss=None)


def read_trial(setting: LengthSetting, run: Run, short: int) -> LengthTrial:
    """A trial's row.

    Args:
        setting: which trial it is.
        run: what it recorded.
        short: the length of context that is called short.

    Raises:
        RunError: the run cannot be read.
    """
    result = read_result(run)
    gradient = values_of(run, "grad_norm")
    reach = _reach(run, result.lag)
    context, short_loss = _short(run, short)
    steps = values_of(run, "seq_len")
    return LengthTrial(
        **{f.name: getattr(setting, f.name) for f in fields(setting)},
        outcome=result.outcome,
        reason=result.reason,
        iterations=run.iterations,
        steps=int(np.median(steps)) if steps.size else None,
        loss=result.loss,
        baseline=result.baseline,
        short_loss=short_loss,
        short_context=context,
        lag=result.lag,
        grad_median=_finite_median(gradient),
        grad_max=float(gradient.max()) if gradient.size else None,
        hidden_mean=_over_layers(run, "hidden_norm_mean", np.median),
        hidden_max=_over_layers(run, "hidden_norm_max", np.max),
        hidden_drift=_drift(run),
        half_life=reach.half_life,
        horizon=reach.horizon,
        share_at_lag=reach.share_at_lag,
        growth=reach.growth,
        seconds=_seconds(run, steps),
        findings=result.findings,
    )


def _finite_median(values: NDArray[np.float64]) -> float | None:
    if not values.size:
        return None
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else math.nan


def _over_layers(run: Run, name: str, reduce: Any) -> float | None:
    """Of the layer where it is largest; NaN where any is."""
    found = [float(reduce(run[member])) for member in run.members(name, profile=False)]
    return float(np.max(found)) if found else None


def _drift(run: Run) -> float | None:
    names = run.members("hidden_norm", profile=True)
    if not names:
        return None
    row = run.profile(names[-1]).rows[-1].astype(np.float64)
    if len(row) < 4 or row[len(row) // 2] == 0:
        return None
    return float(row[-1] / row[len(row) // 2])


@dataclass(frozen=True, slots=True)
class _LayerReach:
    """Medians over the samples of a layer."""

    half_life: Lag | None = None
    horizon: Lag | None = None
    share_at_lag: float | None = None
    growth: float | None = None


def _reach(run: Run, lag: int | None) -> _LayerReach:
    """Of the layer that reaches furthest; where two reach as far, the one with more at the lag."""
    best = _LayerReach()
    for name in run.members("reach", profile=True):
        rows = run.profile(name).rows
        measured = [measure_reach(row) for row in rows]
        rates = np.array([one.growth_rate for one in measured])
        shares = [reach_share(row, min(lag, max(len(row) - 1, 1))) for row in rows] if lag else []
        found = _LayerReach(
            _middle([one.half_life for one in measured]),
            _middle([one.horizon for one in measured]),
            _finite_median(np.array(shares)[~np.isnan(shares)]),
            _finite_median(rates[~np.isnan(rates)]),
        )
        if found.horizon is not None and _rank(found) > _rank(best):
            best = found
    return best


def _rank(one: _LayerReach) -> tuple[int, float]:
    return (
        -1 if one.horizon is None else one.horizon.steps,
        -1.0 if one.share_at_lag is None else one.share_at_lag,
    )


def _middle(lags: Sequence[Lag | None]) -> Lag | None:
    """The lower of two in the middle: a reach that was seen, and not too much said of it."""
    known = sorted((lag for lag in lags if lag is not None), key=lambda lag: lag.steps)
    return known[(len(known) - 1) // 2] if known else None


def _short(run: Run, wanted: int) -> tuple[int | None, float | None]:
    """The longest context asked that is no longer than ``wanted``, and the last loss with it."""
    losses = run.members("context_loss", profile=True)
    lengths = run.members("context_length", profile=True)
    if not losses or not lengths:
        return None, None
    asked, found = run.profile(lengths[0]).rows[-1], run.profile(losses[0]).rows[-1]
    fits = np.flatnonzero(asked <= wanted)
    if not fits.size or len(asked) != len(found):
        return None, None
    return int(asked[fits[-1]]), float(found[fits[-1]])


def _seconds(run: Run, steps: NDArray[np.float64]) -> float | None:
    """The median pace where the lab recorded one, else the whole run's time shared out."""
    pace = values_of(run, "tokens_per_second")
    batch = run.info.get("config", {}).get("batch")
    if pace.size and steps.size and isinstance(batch, int):
        return float(batch * np.median(steps) / np.median(pace))
    try:
        return run.duration / run.iterations if run.iterations else None
    except RunError:
        return None
