"""Does learning collapse as sequences grow, from which length on, and why: rows in, words out."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from backsight.diagnosis import RULES
from backsight.studies._result import MARGIN
from backsight.studies.length._row import LengthTrial

__all__ = ["LengthSummary", "LengthVerdict", "judge_lengths"]

KEPT = 0.5
"""Of the best gain at a shorter length: with less than half of it left, learning has collapsed.

Half of temporal order's first gain is what a memory of the newer symbol alone achieves, and between
seeds of one setting the gain of a task either comes (near 1) or does not (near 0): what lies
between is rare, and where the line is drawn there matters little.
"""

EXPLODES = frozenset(rule.code for rule in RULES if rule.explodes)
"""Findings of gradients or losses that run away: explosion, not finite, divergence, collapse."""

FADES = "BKS101"

VISIBLE = 0.01
"""Of the strongest earlier step, at the lag that the task needs; as of the horizon."""

LengthOutcome = Literal["collapses", "holds", "learns nothing", "not enough data", "ignored"]
Cause = Literal["vanishes", "explodes", "both", "neither"]


@dataclass(frozen=True, slots=True)
class LengthSummary:
    """One length of one cell."""

    length: int
    trials: int
    """With a result."""
    learned: int
    gain_kept: float
    """Median gain relative to the best at any length; −∞ where most are not finite."""
    vanishing: int
    """Trials whose gradient does not arrive where it is needed."""
    exploding: int
    horizon: float | None
    """Median in steps, the lower of two."""
    needed: float
    """Steps back that are asked for: the task's, else half of the window."""
    lag_known: bool
    """Whether it is the task's: nobody knows how far back a text asks."""


@dataclass(frozen=True, slots=True)
class LengthVerdict:
    """What the study says of one cell.

    Example:
        >>> from backsight.studies import LengthTrial, judge_lengths
        >>> trials = [
        ...     LengthTrial("rnn", length, seed=0, outcome="learned", loss=loss, baseline=2.0)
        ...     for length, loss in {10: 0.1, 20: 0.2, 40: 2.0}.items()
        ... ]
        >>> verdict = judge_lengths("rnn", trials)
        >>> verdict.outcome, verdict.collapses_at
        ('collapses', 40)
    """

    cell: str
    outcome: LengthOutcome
    collapses_at: int | None
    """The length from which on learning has collapsed."""
    cause: Cause | None
    message: str
    lengths: tuple[LengthSummary, ...]
    threshold: tuple[tuple[str, float], ...] = (("gain kept", KEPT), ("gain that counts", MARGIN))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``."""
        return {**asdict(self), "threshold": dict(self.threshold)}


def judge_lengths(cell: str, trials: Sequence[LengthTrial]) -> LengthVerdict:
    """The verdict on one cell.

    A length has collapsed where the median gain over a guess is less than half of the best at
    any shorter length; a loss that is not finite has gained nothing. Learning collapses from the
    length on from which every longer one has. Why: by the majority of the trials from there on.

    Args:
        cell: its name; empty for a script.
        trials: of that cell, at all lengths and seeds.

    Example:
        >>> from backsight.studies import LengthTrial, judge_lengths
        >>> trials = [
        ...     LengthTrial("lstm", length, seed=0, outcome="learned", loss=loss, baseline=2.0)
        ...     for length, loss in {10: 0.1, 20: 0.2, 40: 0.2}.items()
        ... ]
        >>> judge_lengths("lstm", trials).outcome
        'holds'
    """
    known = [trial for trial in trials if _says_something(trial)]
    lengths = sorted({trial.length for trial in known})
    name = cell or "the script"
    if len(lengths) < 2:
        gone = len(trials) - len(known)
        return LengthVerdict(
            cell, "not enough data", None, None,
            f"{name}: not enough data: a verdict needs results at 2 lengths, and this study has "
            f"them at {len(lengths)} ({gone} of {len(trials)} trials have no result)", (),
        )  # fmt: skip
    gains = _gains(known)
    best = max(gains.values())
    judged = tuple(
        _judged(length, [t for t in known if t.length == length], gains[length], best)
        for length in lengths
    )
    if not best > MARGIN:
        return LengthVerdict(
            cell, "learns nothing", None, None,
            f"{name}: the network learns nothing at any length, not even the shortest, so the "
            f"study cannot judge the effect of length ({_reasons(judged)})", judged,
        )  # fmt: skip
    down = [
        n for n, length in enumerate(lengths)
        if gains[length] < KEPT * max([gains[i] for i in lengths[:n]], default=-math.inf)
        and max(gains[i] for i in lengths[:n]) > MARGIN
    ]  # fmt: skip
    since = len(lengths)
    while since - 1 in down:
        since -= 1
    if since == len(lengths):
        return LengthVerdict(cell, "holds", None, None, _holds(name, judged, down), judged)
    cause = _cause(judged[since:])
    words = _collapses(name, judged, since, gains, cause)
    return LengthVerdict(cell, "collapses", lengths[since], cause, words, judged)


def _says_something(trial: LengthTrial) -> bool:
    return trial.outcome == "not finite" or not math.isnan(trial.gain)


def _gains(known: Sequence[LengthTrial]) -> dict[int, float]:
    """By length, the median gain relative to what a guess costs, which may depend on the length."""
    gains: dict[int, list[float]] = {}
    for trial in known:
        gains.setdefault(trial.length, []).append(trial.gain / (abs(trial.baseline or 0.0) or 1.0))
    # The lower of two in the middle: −∞ has no mean.
    return {n: float(np.percentile(g, 50, method="lower")) for n, g in gains.items()}


def _judged(length: int, trials: Sequence[LengthTrial], gain: float, best: float) -> LengthSummary:
    horizons = [t.horizon.steps for t in trials if t.horizon is not None]
    return LengthSummary(
        length=length,
        trials=len(trials),
        learned=sum(t.outcome == "learned" for t in trials),
        gain_kept=gain / best if best > 0 else math.nan,
        vanishing=sum(map(_fades, trials)),
        exploding=sum(map(_explodes, trials)),
        horizon=float(np.percentile(horizons, 50, method="lower")) if horizons else None,
        needed=float(np.median([_needed(t) for t in trials])),
        lag_known=all(t.lag is not None for t in trials),
    )


def _needed(trial: LengthTrial) -> int:
    window = max(1, (trial.steps or trial.length) - 1)
    return min(window, trial.lag) if trial.lag is not None else max(1, window // 2)


def _explodes(trial: LengthTrial) -> bool:
    broken = trial.grad_max is not None and not math.isfinite(trial.grad_max)
    return trial.outcome in ("not finite", "lost") or broken or bool(EXPLODES & {*trial.findings})


def _fades(trial: LengthTrial) -> bool:
    """Where it explodes as well, that came first: what is left of a network then fades."""
    if _explodes(trial):
        return False
    if trial.share_at_lag is not None:
        short = trial.share_at_lag < VISIBLE
    else:
        short = (
            trial.horizon is not None
            and not trial.horizon.censored
            and trial.horizon.steps < _needed(trial)
        )
    return short or FADES in trial.findings


def _cause(collapsed: Sequence[LengthSummary]) -> Cause:
    count = sum(one.trials for one in collapsed)
    explodes = sum(one.exploding for one in collapsed)
    fades = sum(one.vanishing for one in collapsed)
    if 2 * explodes > count:
        return "explodes"
    if 2 * fades > count:
        return "vanishes"
    return "both" if 2 * (explodes + fades) > count else "neither"


def _collapses(
    name: str, judged: Sequence[LengthSummary], since: int, gains: dict[int, float], cause: Cause
) -> str:
    first, shorter = judged[since], [one.length for one in judged[:since]]
    collapsed = judged[since:]
    count = sum(one.trials for one in collapsed)
    best = max(shorter, key=lambda length: gains[length])
    left = max(gains[first.length], 0.0) / gains[best]
    words = (
        f"{name}: learning collapses from length {first.length} on: the gain over a guess is "
        f"{100 * left:.0f} % of the gain at length {best}"
    )
    if math.isinf(gains[first.length]):
        words = (
            f"{name}: learning collapses from length {first.length} on: most losses are not finite"
        )
    fades, explodes = (
        sum(getattr(one, n) for one in collapsed) for n in ("vanishing", "exploding")
    )
    arrives = _horizon(first)
    match cause:
        case "vanishes":
            return (
                f"{words}. The gradient vanishes: {arrives} "
                f"(so in {fades} of {count} trials from that length on)"
            )
        case "explodes":
            return (
                f"{words}. Training explodes: gradients or losses diverge or are not finite in "
                f"{explodes} of {count} trials from that length on"
            )
        case "both":
            return (
                f"{words}. From that length on, the gradient vanishes in {fades} of {count} trials "
                f"({arrives}), and training explodes in {explodes}"
            )
        case "neither":
            return (
                f"{words}. Neither a vanishing nor an exploding gradient explains this "
                f"({arrives}), so check the learning rate and the number of iterations"
                f"{_further(collapsed)}"
            )


def _further(collapsed: Sequence[LengthSummary]) -> str:
    """Where, from there on, one of the two does explain it."""
    fading = [str(one.length) for one in collapsed if 2 * one.vanishing > one.trials]
    running = [str(one.length) for one in collapsed if 2 * one.exploding > one.trials]
    words = f"; at length {', '.join(fading)} the gradient vanishes" if fading else ""
    return words + (f"; at length {', '.join(running)} training explodes" if running else "")


def _horizon(one: LengthSummary) -> str:
    if one.horizon is None:
        return "the horizon was not recorded"
    far = (
        f"the task needs {one.needed:.0f}"
        if one.lag_known
        else f"half the window is {one.needed:.0f}"
    )
    return f"the median horizon is {one.horizon:.0f} steps, and {far}"


def _holds(name: str, judged: Sequence[LengthSummary], down: Sequence[int]) -> str:
    last = judged[-1]
    words = (
        f"{name}: learning holds up to length {last.length}, the longest, with "
        f"{100 * last.gain_kept:.0f} % of the best gain over a guess"
    )
    if down:
        dips = ", ".join(str(judged[n].length) for n in down)
        words += f". At length {dips} the gain is less than half as large, unlike at longer ones: "
        words += "repeat the study with more seeds"
    elif last.horizon is not None and last.horizon < last.needed:
        words += (
            f". However, {_horizon(last)}: the network learns from inputs within the horizon, and "
            "would not learn a task that needs older ones"
        )
    return words


def _reasons(judged: Sequence[LengthSummary]) -> str:
    count = sum(one.trials for one in judged)
    fades, explodes = (sum(getattr(one, n) for one in judged) for n in ("vanishing", "exploding"))
    return (
        f"of {count} trials, the gradient vanishes in {fades}, and training explodes in {explodes}"
    )
