"""Rules of other tools, as they ship, on the numbers that ``_training`` keeps of each run.

Each is a function from recorded series to the first iteration at which it would have raised the
alarm, or None. Where a tool looks at layers, a matrix is a layer; where it asks for accuracy, a
regression gives it nothing. A tool that samples every 500 steps by default is also shown with the
interval of our samples, which is kinder to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._shared.peers import is_lightning_spike
from benchmarks.diagnosis._training import Numbers

__all__ = ["CLAIMS", "PEERS", "Claim", "Peer"]

Series = NDArray[np.float64]
Alarm = Callable[[Numbers], int | None]


@dataclass(frozen=True)
class Claim:
    """The coarse question that a rule answers."""

    of: frozenset[str]
    """Kinds of failure that it should tell."""
    also: frozenset[str]
    """Kinds where it is right, though not asked."""
    codes: frozenset[str]
    """Our own answers to it."""


def _claim(of: str, also: str, codes: str) -> Claim:
    return Claim(
        frozenset(of.split(", ")),
        frozenset(also.split(", ")),
        frozenset(f"BKS{code}" for code in codes.split()),
    )


LOST = "exploding, collapse"

CLAIMS: dict[str, Claim] = {
    "vanishing": _claim("vanishing", "short-term, saturation", "101"),
    "exploding": _claim(LOST, "updates too large, data not finite", "102 201 203 204 206 207"),
    "not finite": _claim("data not finite", LOST, "201 406"),
    "spike": _claim("spike", f"{LOST}, oscillation, data not finite, updates too large", "202"),
    "saturation": _claim("saturation", f"{LOST}, updates too large", "104"),
    "updates": _claim(
        "updates too large, updates too small, frozen",
        f"{LOST}, saturation, clip too tight, data constant, data not finite", "402 404 405",
    ),
    "not learning": _claim(
        "no learning, updates too small, vanishing",
        f"{LOST}, short-term, data constant, saturation, updates too large", "101 302 405",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Peer:
    """One rule of a tool."""

    tool: str
    claim: str
    """Of :data:`CLAIMS`."""
    alarm: Alarm


def first(bad: Any, at: NDArray[np.int64] | None = None) -> int | None:
    """The first iteration that is marked in ``(n,)`` truth values; ``at`` are their numbers."""
    if not bad.any():
        return None
    place = int(bad.argmax())
    return place if at is None else int(at[place])


def sampled(n: Numbers, every: int) -> NDArray[np.int64]:
    """The iterations that a tool which samples looks at."""
    return np.arange(0, len(n["loss"]), every)


def matrices(n: Numbers) -> list[int]:
    """Columns of the weights; biases, which begin near zero, are not held against rates."""
    return [i for i, name in enumerate(n["names"]) if "weight" in str(name)]


def ratio(a: Series, b: Series) -> Series:
    """``a / b``; infinite, or NaN, over zero."""
    with np.errstate(all="ignore"):
        return a / b


# -- SageMaker Debugger ----------------------------------------------------------------------


def vanishing_gradient(n: Numbers, every: int = 1, threshold: float = 1e-7) -> int | None:
    """Mean |g| of any parameter below the threshold (also DeepDiagnosis)."""
    at = sampled(n, every)
    return first(np.any(n["grad_mean"][at] < threshold, axis=1), at)


def exploding_tensor(n: Numbers, every: int = 1) -> int | None:
    """Anything that is not finite: loss, gradients, weights, states."""
    at = sampled(n, every)
    finite = np.isfinite(n["loss"]) & np.isfinite(n["grad_norms"]).all(1)
    finite &= n["weights_finite"] & n["states_finite"]
    return first(~finite[at], at)


def weight_update_ratio(n: Numbers, every: int = 1) -> int | None:
    """‖Δw‖/‖w‖ of any matrix above 10 or below 1e-8."""
    at, columns = sampled(n, every), matrices(n)
    moved = ratio(n["update_norms"], n["weight_norms"])[at][:, columns]
    return first(np.any((moved > 10) | (moved < 1e-8), axis=1), at)


def loss_not_decreasing(n: Numbers, every: int = 1, steps: int = 10) -> int | None:
    """The loss is not 0.1 % below what it was at the sample at least ten steps before."""
    at = sampled(n, every)
    back = max(1, -(-steps // every))
    losses = n["loss"][at]
    bad = np.zeros(len(at), bool)
    bad[back:] = losses[back:] > 0.999 * losses[:-back]
    return first(bad, at)


# -- AUTOTRAINER -----------------------------------------------------------------------------


def _struggles(n: Numbers, window: int = 50) -> NDArray[np.bool_]:
    """Accuracy below 0.6, or a gain below 0.01 from one window (its epoch) to the next."""
    accuracy = n["accuracy"].astype(np.float64)
    bad = np.zeros(len(accuracy), bool)
    for end in range(window, len(accuracy) + 1, window):
        now = accuracy[end - window : end].mean()
        before = accuracy[max(0, end - 2 * window) : end - window]
        gain = now - before.mean() if len(before) else np.inf
        bad[end - 1] = now < 0.6 or gain < 0.01
    return bad


def _first_by_last(n: Numbers) -> tuple[Series, Series]:
    norms = n["grad_norms"].astype(np.float64)[:, matrices(n)]
    return norms[:, 0], ratio(norms[:, 0], norms[:, -1])


def autotrainer_vanishing(n: Numbers) -> int | None:
    """‖g‖ of the first layer below 1e-3 of the last one's, and below 1e-4."""
    norm, by_last = _first_by_last(n)
    return first(_struggles(n) & (by_last < 1e-3) & (norm < 1e-4))


def autotrainer_exploding(n: Numbers) -> int | None:
    """‖g‖ of the first layer more than 70 times the last one's, or NaN."""
    norm, by_last = _first_by_last(n)
    bad = ~np.isfinite(norm) | (_struggles(n) & (by_last > 70))
    return None if np.isnan(n["accuracy"]).all() else first(bad)


# -- DeepDiagnosis ---------------------------------------------------------------------------


def deep_saturation(n: Numbers) -> int | None:
    """More than half of what enters the nonlinearity is beyond 5."""
    return first(n["states_extreme"] > 0.5)


def deep_updates(n: Numbers) -> int | None:
    """lr·‖g‖/‖w‖ of any matrix outside 1e-5 to 0.1."""
    columns = matrices(n)
    moved = ratio(n["lr"][:, None] * n["grad_norms"], n["weight_norms"])[:, columns]
    return first(np.any((moved < 1e-5) | (moved > 0.1), axis=1))


# -- BTTackler -------------------------------------------------------------------------------


def _medians(n: Numbers) -> tuple[Series, Series]:
    means = n["grad_mean"].astype(np.float64)[:, matrices(n)]
    return np.median(means, 1), np.median(ratio(means[:, :-1], means[:, 1:]), 1)


def bttackler_vanishing(n: Numbers) -> int | None:
    """The median of mean |g| below 1e-5, or that of neighbouring layers' ratio below 1e-4."""
    middle, between = _medians(n)
    return first((middle < 1e-5) | (between < 1e-4))


def bttackler_exploding(n: Numbers) -> int | None:
    """The median of mean |g| above 1e4, or that of neighbouring layers' ratio above 1000."""
    middle, between = _medians(n)
    return first((middle > 1e4) | (between > 1000))


# -- spikes ----------------------------------------------------------------------------------


def lightning_spike(n: Numbers) -> int | None:
    """Worse than the last, and away from the mean of ten by twice that mean; or not finite."""
    losses = n["loss"].astype(np.float64)
    found = (i for i in range(len(losses)) if is_lightning_spike(losses[i], losses[:i]))
    return next(found, None)


def olmo_skip(n: Numbers, window: int = 128, sigmas: float = 6.0) -> int | None:
    """Loss or gradient norm above the mean of 128 by six standard deviations, or not finite.

    Silent for the first half of a window.
    """
    for i in range(window // 2, len(n["loss"])):
        for name in ("loss", "grad_norm"):
            past = n[name][max(0, i - window) : i].astype(np.float64)
            with np.errstate(all="ignore"):
                fine = n[name][i] - past.mean() <= sigmas * past.std(ddof=1)
            if not fine:
                return i
    return None


def zclip(n: Numbers, alpha: float = 0.97, z: float = 2.5, warmup: int = 25) -> int | None:
    """The gradient norm's z-score against moving averages above 2.5.

    They would go on with the clipped norm; what interests here is the first one.
    """
    norms = n["grad_norm"].astype(np.float64)
    if len(norms) <= warmup:
        return None
    mean, variance = norms[:warmup].mean(), norms[:warmup].var()
    for i in range(warmup, len(norms)):
        with np.errstate(all="ignore"):
            if (norms[i] - mean) / (variance**0.5 + 1e-6) > z:
                return i
            variance = alpha * variance + (1 - alpha) * (norms[i] - mean) ** 2
            mean = alpha * mean + (1 - alpha) * norms[i]
    return None


# -- trainpulse ------------------------------------------------------------------------------


def trainpulse_loss(n: Numbers) -> int | None:
    """The loss above five times the mean of the last 50."""
    losses = n["loss"].astype(np.float64)
    return next(
        (i for i in range(50, len(losses)) if losses[i] > 5 * losses[i - 50 : i].mean()), None
    )


def trainpulse_large(n: Numbers) -> int | None:
    """The gradient norm above 100."""
    return first(n["grad_norm"] > 100)


def trainpulse_small(n: Numbers) -> int | None:
    """The gradient norm below 1e-7."""
    return first(n["grad_norm"] < 1e-7)


def trainpulse_plateau(n: Numbers, patience: int = 100) -> int | None:
    """No new best loss for 100 steps."""
    best, since = np.inf, 0
    for i, loss in enumerate(n["loss"]):
        if loss < best:
            best, since = loss, i
        elif i - since >= patience:
            return i
    return None


def _every(rule: Callable[[Numbers, int], int | None], every: int) -> Alarm:
    return lambda n: rule(n, every)


PEERS: tuple[Peer, ...] = (
    *(
        Peer(f"SageMaker Debugger, every {every}", claim, _every(rule, every))
        for every in (500, 10)
        for claim, rule in (
            ("vanishing", vanishing_gradient),
            ("exploding", exploding_tensor),
            ("updates", weight_update_ratio),
            ("not learning", loss_not_decreasing),
        )
    ),
    Peer("AUTOTRAINER", "vanishing", autotrainer_vanishing),
    Peer("AUTOTRAINER", "exploding", autotrainer_exploding),
    Peer("DeepDiagnosis", "vanishing", vanishing_gradient),
    Peer("DeepDiagnosis", "saturation", deep_saturation),
    Peer("DeepDiagnosis", "updates", deep_updates),
    Peer("BTTackler", "vanishing", bttackler_vanishing),
    Peer("BTTackler", "exploding", bttackler_exploding),
    Peer("Lightning SpikeDetection", "spike", lightning_spike),
    Peer("OLMo-core skip-step", "spike", olmo_skip),
    Peer("ZClip", "spike", zclip),
    Peer("trainpulse", "spike", trainpulse_loss),
    Peer("trainpulse", "exploding", trainpulse_large),
    Peer("trainpulse", "vanishing", trainpulse_small),
    Peer("trainpulse", "not learning", trainpulse_plateau),
)
