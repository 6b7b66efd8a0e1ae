"""What the ten-second strip says of a run: plain data, which is JSON as it is but for a NaN."""

import math
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

from backsight.diagnosis import Severity

__all__ = [
    "RunState",
    "RunStrip",
    "StripCurve",
    "StripFinding",
    "StripGradient",
    "StripLoss",
    "StripRate",
    "StripReach",
]

RunState = Literal["running", "stale", "finished", "failed", "interrupted", "killed", "unreadable"]


@dataclass(frozen=True, slots=True)
class StripCurve:
    """A signal over iterations, for a picture of 240 columns, in which no spike is lost.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import strip
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", [0, 1, 2], [2.0, float("nan"), 1.0])
        >>> curve = strip(Run("runs/mine")).losses[0].curve
        >>> curve.iterations, curve.values, curve.not_finite, curve.not_finite_at
        ((0, 2), (2.0, 1.0), 1, (1,))
    """

    iterations: tuple[int, ...]
    values: tuple[float, ...]
    """Of those iterations; finite."""
    not_finite: int
    """Samples that are NaN or infinite, in all of the run."""
    not_finite_at: tuple[int, ...]
    """Their iterations, at most one per kind and column."""


@dataclass(frozen=True, slots=True)
class StripLoss:
    """The loss of one model, against what a guess would give.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import strip
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", [0, 1, 2], [2.0, 1.0, 0.5])
        ...     recorder.scalars(2, {"guess_loss": 2.0})
        >>> loss = strip(Run("runs/mine")).losses[0]
        >>> loss.value, loss.recent, loss.guess, loss.below
        (0.5, 1.0, 2.0, 0.5)
    """

    label: str
    """The model; empty where there is only one."""
    iteration: int
    value: float
    """The newest loss, whatever it is."""
    recent: float
    """The median of the finite ones among the newest; NaN if there is none."""
    newest: int
    """How many these are: 100, or as many as there are."""
    newest_not_finite: int
    """How many of them are not finite."""
    guess: float | None
    """The loss of the best guess without memory; None where it is not known."""
    guess_from: Literal["task", "constant answer", ""]
    """Whether the run knows its task, or the best constant answer was measured (guess_loss)."""
    curve: StripCurve

    @property
    def below(self) -> float | None:
        """By which share of the guess the recent loss is below it; negative where it is above.

        NaN if the newest or the recent loss is not finite; None where no guess is known, or it
        is 0.
        """
        if not self.guess:
            return None
        recent = self.recent if math.isfinite(self.value) else math.nan
        return (self.guess - recent) / abs(self.guess)


@dataclass(frozen=True, slots=True)
class StripGradient:
    """The gradient norm of one model, before clipping and as the optimizer used it.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import strip
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.scalars(0, {"grad_norm": 8.0, "grad_norm_applied": 1.0})
        >>> gradient = strip(Run("runs/mine")).gradients[0]
        >>> gradient.raw, gradient.applied, gradient.curve.not_finite
        (8.0, 1.0, 0)
    """

    label: str
    iteration: int
    raw: float
    """The newest, before any clipping."""
    applied: float | None
    """The newest as applied; None where it was not recorded."""
    curve: StripCurve
    """Before clipping."""
    applied_curve: StripCurve | None


@dataclass(frozen=True, slots=True)
class StripRate:
    """A learning rate.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import strip
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.scalars(0, {"lr": 0.001})
        >>> strip(Run("runs/mine")).rates[0].value
        0.001
    """

    label: str
    """The optimizer; empty where there is only one."""
    iteration: int
    value: float


@dataclass(frozen=True, slots=True)
class StripReach:
    """How far back the gradient of one layer reached when it was last measured.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import strip
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.profile("reach/rnn.l0", 0, [0.5**lag for lag in range(20)])
        >>> reach = strip(Run("runs/mine")).reaches[0]
        >>> reach.horizon, reach.earlier, reach.censored
        (7, 19, False)
    """

    label: str
    """The layer."""
    iteration: int
    outcome: Literal["ok", "not enough data", "not finite"]
    horizon: int | None
    """Steps; None unless the outcome is ``ok``."""
    censored: bool
    """True where the window ends first: the horizon is at least that."""
    earlier: int
    """Earlier steps in the window: the most that the horizon could be."""
    words: str
    """The same in a sentence without its full stop."""


@dataclass(frozen=True, slots=True)
class StripFinding:
    """The finding that leads, and what to do about it.

    Example:
        >>> from backsight import Recorder, Run, diagnose
        >>> from backsight.report import strip
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", range(100), [2.0] * 99 + [float("nan")])
        >>> run = Run("runs/mine")
        >>> strip(run, diagnose(run)).finding.code
        'BKS201'
    """

    code: str
    title: str
    severity: Severity
    """That of the gravest of what follows from it."""
    iteration: int
    """When it was first seen."""
    message: str
    """What was seen, in a sentence without its full stop."""
    remedy: str
    """What to try first; empty where nothing is advised."""
    others: int
    """Findings that lead beside it."""


@dataclass(frozen=True, slots=True)
class RunStrip:
    """A run at a glance.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import strip
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.scalars(0, {"loss": float("nan")})
        >>> told = strip(Run("runs/mine"))
        >>> told.state, told.iterations, told.as_dict()["losses"][0]["value"]
        ('finished', 1, nan)
    """

    name: str
    state: RunState
    """``stale``: the process lives, and has given no sign of life for 15 seconds. ``killed``: it is
    gone without having ended the run. ``interrupted``: somebody asked it to stop."""
    reason: str | None
    """Why it ended, where there is something to say."""
    written: float | None
    """When the writer last committed, in seconds since the epoch; None if it never did."""
    age: float | None
    """Seconds since then; 0 where the clock has gone back."""
    iterations: int
    losses: tuple[StripLoss, ...]
    """At most six of each of these; :attr:`left_out` tells of more."""
    gradients: tuple[StripGradient, ...]
    rates: tuple[StripRate, ...]
    reaches: tuple[StripReach, ...]
    finding: StripFinding | None
    """None where nothing was found."""
    left_out: tuple[str, ...] = ()
    """What there are more of than are told, in words."""
    problems: tuple[str, ...] = ()
    """What could not be read, in sentences; the rest is as the store has it."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``, which spells what is not finite."""
        told = _plain(self)
        for plain, loss in zip(told["losses"], self.losses, strict=True):
            plain["below"] = loss.below
        return dict(told)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value
