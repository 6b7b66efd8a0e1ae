"""The ten-second strip in words: a row for each question."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from backsight.report._numbers import duration, number
from backsight.report._strip_data import (
    RunStrip,
    StripCurve,
    StripFinding,
    StripGradient,
    StripLoss,
    StripReach,
)

__all__ = ["StripRow", "strip_line", "strip_rows"]

Tone = Literal["plain", "good", "warning", "alarm", "quiet"]

AT_GUESS = 0.03
"""Share of the guess by which a loss must lie below it: that of BKS302."""


@dataclass(frozen=True, slots=True)
class StripRow:
    """One row of the strip.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import strip, strip_rows
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", [0, 1], [2.0, 1.0])
        >>> [row.what for row in strip_rows(strip(Run("runs/mine")))]
        ['state', 'loss']
    """

    what: str
    """What it answers: ``loss``, ``gradient norm``."""
    words: str
    """In words, without a full stop."""
    tone: Tone
    curve: StripCurve | None = None
    """What may be drawn beside it."""
    log: bool = False
    """Whether that needs a log axis."""


def strip_rows(told: RunStrip) -> tuple[StripRow, ...]:
    """Every question that the run has an answer to, in order.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import strip, strip_rows
        >>> with Recorder("runs/mine", config={"facts": {"baseline": 2.0}}) as recorder:
        ...     recorder.series("loss", [0, 1, 2], [2.0, 1.0, 0.5])
        >>> strip_rows(strip(Run("runs/mine")))[1].words
        '0.5 at iteration 2; the median of the last 3 is 1: 50 % below the guess (2)'
    """
    return tuple(_rows(told))


def strip_line(told: RunStrip) -> str:
    """All of it in a line, for a log.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import strip, strip_line
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.scalars(9, {"loss": 1.5, "lr": 0.1})
        >>> strip_line(strip(Run("runs/mine")))
        'finished  10 iterations  loss 1.5  lr 0.1'
    """
    parts = [told.state, f"{told.iterations:,} iterations"]
    for loss in told.losses:
        against = "" if loss.below is None else f" ({_against(loss.below)} the guess)"
        parts.append(f"loss{_of(loss.label)} {number(loss.value)}{against}")
    for one in told.gradients:
        clipped = "" if _same(one) else f", applied {number(one.applied or 0.0)}"
        parts.append(f"gradient norm{_of(one.label)} {number(one.raw)}{clipped}")
    parts += [f"lr{_of(rate.label)} {number(rate.value)}" for rate in told.rates]
    parts += [f"reach {_of(reach.label).lstrip()} {_far(reach)}" for reach in told.reaches]
    if told.finding is not None:
        parts.append(f"{told.finding.severity} {told.finding.code} {told.finding.title}")
    return "  ".join([*parts, *told.problems])


def _rows(told: RunStrip) -> Iterator[StripRow]:
    yield StripRow("state", _state_words(told), _state_tone(told))
    for loss in told.losses:
        yield StripRow(f"loss{_of(loss.label)}", _loss_words(loss), _loss_tone(loss), loss.curve)
    for one in told.gradients:
        tone: Tone = "alarm" if not math.isfinite(one.raw) or one.curve.not_finite else "plain"
        what = f"gradient norm{_of(one.label)}"
        yield StripRow(what, _gradient_words(one), tone, one.curve, log=True)
    for rate in told.rates:
        tone = "plain" if math.isfinite(rate.value) else "alarm"
        yield StripRow(f"learning rate{_of(rate.label)}", number(rate.value), tone)
    for reach in told.reaches:
        words = f"{_far(reach)} (iteration {reach.iteration:,})"
        yield StripRow(f"reach{_of(reach.label)}", words, _reach_tone(reach))
    if told.finding is not None:
        tone = {"error": "alarm", "warning": "warning"}.get(told.finding.severity, "quiet")  # type: ignore[assignment]
        yield StripRow("finding", _finding_words(told.finding), tone)
        if told.finding.remedy:
            yield StripRow("try", told.finding.remedy, "plain")
    for words in told.left_out:
        yield StripRow("left out", words, "quiet")
    for words in told.problems:
        yield StripRow("cannot be read", words, "alarm")


def _state_words(told: RunStrip) -> str:
    words = f"{told.state}, {told.iterations:,} iterations"
    if told.age is not None:
        words += f", last written {duration(told.age)} ago"
    return f"{words}: {told.reason}" if told.reason else words


def _state_tone(told: RunStrip) -> Tone:
    tones: dict[str, Tone] = {"running": "plain", "finished": "good"}
    return tones.get(told.state, "warning" if told.state in ("stale", "interrupted") else "alarm")


def _loss_words(loss: StripLoss) -> str:
    words = f"{number(loss.value)} at iteration {loss.iteration:,}"
    if loss.curve.not_finite:
        words += f", {loss.curve.not_finite:,} not finite so far"
    some = (
        f"{loss.newest - loss.newest_not_finite} finite ones of the "
        if loss.newest_not_finite
        else ""
    )
    words += f"; the median of the {some}last {loss.newest} is {number(loss.recent)}"
    if loss.below is None or loss.guess is None:
        return words
    guess = "the guess" if loss.guess_from == "task" else "the best constant answer"
    return f"{words}: {_against(loss.below)} {guess} ({number(loss.guess)})"


def _against(below: float) -> str:
    """``39 % below``, or ``540 times``."""
    if not math.isfinite(below):
        return "not to be compared with"
    if below <= -1:
        return f"{number(1 - below)} times"
    side = "below" if below > 0 else "above"
    percent = f"{100 * abs(below):.0f}"
    return f"{percent} % {side}" if percent != "0" else "at"


def _loss_tone(loss: StripLoss) -> Tone:
    if not math.isfinite(loss.value) or not math.isfinite(loss.recent):
        return "alarm"
    if loss.below is None:
        return "plain"
    return "good" if loss.below > AT_GUESS else "warning"


def _gradient_words(one: StripGradient) -> str:
    words = f"{number(one.raw)} at iteration {one.iteration:,}"
    if one.applied is not None:
        words += ", as applied" if _same(one) else f", {number(one.applied)} as applied"
    if one.curve.not_finite:
        words += f"; {one.curve.not_finite:,} not finite so far"
    return words


def _same(one: StripGradient) -> bool:
    """Whether nothing was done to the gradient, or nothing is known of it."""
    return one.applied is None or number(one.applied) == number(one.raw)


def _far(reach: StripReach) -> str:
    if reach.outcome == "not finite":
        return "the gradient through time is not finite"
    if reach.horizon is None:
        return "no gradient arrives"
    if not reach.earlier:
        return "the window is a single step"
    most = f"{'at least ' * reach.censored}{reach.horizon} of {reach.earlier} earlier steps"
    return most if reach.earlier != 1 else most.removesuffix("s")


def _reach_tone(reach: StripReach) -> Tone:
    if reach.outcome == "not finite":
        return "alarm"
    return "plain" if reach.horizon or not reach.earlier else "warning"


def _finding_words(finding: StripFinding) -> str:
    words = f"{finding.code} {finding.title}: {finding.message}"
    others = f"; {finding.others} more" if finding.others else ""
    return f"{words} (from iteration {finding.iteration:,}{others})"


def _of(label: str) -> str:
    return f" {label}" if label else ""
