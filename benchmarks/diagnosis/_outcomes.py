"""What became of a run, told from its losses and from how it was made; never from our rules.

A run is made to go wrong in one way (or not to). Whether it did is seen in the numbers of
``_training``: the loss before training, the losses, the states. What did not become what it was
made for gets the label of what it became, or none.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.diagnosis._training import Numbers

__all__ = ["HEALTHY", "KINDS", "Kind", "label", "levels", "when_lost"]

HEALTHY = "healthy"
MIDDLE = 20
"""Losses whose median is a level."""
ABOVE = 1.25
"""Times the loss before training: worse than knowing nothing."""
NEAR = 0.03
"""Of the memoryless baseline: as good as it."""
LEARNED = 0.9
"""Of the loss before training, or of the baseline: less is learned, for sure."""


@np.errstate(all="ignore")  # losses near the largest number are averaged
def levels(numbers: Numbers) -> NDArray[np.float64]:
    """The median of the last 20 losses at each iteration, as far as there are that many."""
    losses = np.nan_to_num(numbers["loss"].astype(np.float64), nan=np.inf)
    size = min(MIDDLE, len(losses))
    windows = np.lib.stride_tricks.sliding_window_view(losses, size)
    middle = np.median(windows, axis=1)
    return np.concatenate([np.full(size - 1, middle[0]), middle])


def broken(numbers: Numbers) -> int | None:
    """The first iteration whose loss or weights are not finite."""
    bad = ~np.isfinite(numbers["loss"]) | ~numbers["weights_finite"]
    return int(bad.argmax()) if bad.any() else None


def limit(numbers: Numbers) -> float:
    """Above it the run is lost: worse than untrained, or half of what was learned is gone."""
    start, level = float(numbers["start"]), levels(numbers)
    best = float(np.min(level))
    if best < 0.8 * start:
        return best + 0.5 * (start - best)
    return ABOVE * start


def when_lost(numbers: Numbers) -> int | None:
    """From when on the run was lost; None where it was not."""
    at = broken(numbers)
    above = ~(levels(numbers) <= limit(numbers))
    if not above[-1] and at is None:
        return None
    under = np.flatnonzero(~above)
    since = None
    if above[-1]:  # a level needs 20 losses: before that, the first loss that is above
        early = int((~(numbers["loss"] <= limit(numbers))).argmax())
        since = int(under[-1]) + 1 if len(under) else early
    return min(x for x in (at, since) if x is not None)


def lost(n: Numbers) -> str:
    """Not finite, worse than untrained, or most of what was learned is gone."""
    return "" if when_lost(n) is not None else f"it ended at {levels(n)[-1]:.3g}, not lost"


def stayed_up(n: Numbers, size: int = 50) -> str:
    """Lost for 50 levels in a row, longer than any spike, whether it came back or not."""
    start, level = float(n["start"]), levels(n)
    above = ~(level <= limit(n))
    # Before it has once learned, only what is worse than knowing nothing is lost.
    above[: int((~above).argmax())] = False
    above |= ~(level <= ABOVE * start)
    if len(above) < size:
        return "it is too short"
    row = np.lib.stride_tricks.sliding_window_view(above, size).all(axis=1)
    return "" if row.any() else "it was not lost for long"


def learned(n: Numbers) -> str:
    """Clearly below where it began and below the baseline, without a spike on the way."""
    start, level = float(n["start"]), levels(n)
    if when_lost(n) is not None:
        return "it was lost"
    against = min(start, float(n.get("baseline", start)))
    if level[-1] > LEARNED * against:
        return f"it ended at {level[-1]:.3g}, hardly below {against:.3g}"
    return jumped(n)


def jumped(n: Numbers, times: float = np.inf) -> str:
    """Where the loss jumped: three losses whose median is a fifth of what was learned above the
    50 before (or ``times`` them), and four of their standard deviations around a line. One noisy
    batch is no jump."""
    start, losses = float(n["start"]), n["loss"].astype(np.float64)
    losses = losses[: broken(n)]
    if losses.max(initial=0) > 2 * start:
        return f"a loss was at {losses.max():.3g}, from {start:.3g}"
    if len(losses) < 60:
        return ""
    windows = np.lib.stride_tricks.sliding_window_view
    before = windows(losses, 50)[:-3]
    t = np.arange(50) - 24.5
    slopes = before @ t / (t @ t)
    spread = np.sqrt(np.maximum(before.var(axis=1) - slopes**2 * (t @ t) / 50, 0))
    usual = np.median(before, axis=1)
    after = np.median(windows(losses[50:], 3), axis=1)
    least = np.minimum(0.2 * (start - usual), (times - 1) * usual)
    jump = after - usual - np.maximum(least, 4 * spread)
    if jump.max() > 0:
        worst = int(jump.argmax())
        return f"it rose from {usual[worst]:.3g} to {after[worst]:.3g} at {50 + worst}"
    return ""


def at_baseline(n: Numbers) -> str:
    """As good as without any memory, and no better; two standard errors are granted."""
    base = float(n.get("baseline", n["start"]))
    if when_lost(n) is not None:
        return "it was lost"
    end, error = _late(n)
    near = abs(end - base) < NEAR * base + 2 * error
    return "" if near else f"it ended at {end:.3g}; without memory it is {base:.3g}"


def faded(n: Numbers) -> str:
    """At the baseline, and the gradient that reaches what is needed is below 1 %."""
    far = float(n.get("far", np.nan))
    return at_baseline(n) if far < 0.01 else f"{far:.2g} of the gradient gets there"


def _late(n: Numbers) -> tuple[float, float]:
    """The mean of the last 100 losses and its standard error."""
    last = n["loss"][-100:].astype(np.float64)
    return float(last.mean()), float(last.std() / len(last) ** 0.5)


def unmoved(n: Numbers) -> str:
    """Where it was before training."""
    start, (end, error) = float(n["start"]), _late(n)
    near = abs(end - start) < NEAR * start + 2 * error
    return "" if near else f"it went from {start:.3g} to {end:.3g}"


def short_only(n: Numbers) -> str:
    """Learned what needs a step or two, and nothing of what lies further back."""
    start, end = float(n["start"]), levels(n)[-1]
    short = float(n["short"]) * float(n["baseline"])
    near = (1 - NEAR) * short < end < (1 + NEAR) * short
    right = near and end < 0.97 * start
    return "" if right else f"it ended at {end:.3g}; short-term is {short:.3g}"


def drifted(n: Numbers) -> str:
    """The state at a sequence's end is 1.6 times the one in its middle, in most iterations."""
    ratio = float(np.median(n["state_end"] / np.maximum(n["state_middle"], 1e-30)))
    return "" if ratio > 1.6 else f"the state grew by {ratio:.3g} over the second half only"


def flat(n: Numbers) -> str:
    """More than half of the states beyond 0.99, in most iterations."""
    share = float(np.median(n["states_flat"]))
    return "" if share > 0.5 else f"{share:.2f} of the states are saturated"


def spiked(n: Numbers) -> str:
    """Far up at the iteration it was made for or soon after, and back."""
    at, losses = int(n["trouble_at"]), n["loss"]
    usual = float(np.median(losses[max(0, at - 50) : at]))
    top = float(np.max(losses[at : at + 10]))
    if not top > usual + 0.5 * (float(n["start"]) - usual):
        return f"the loss rose from {usual:.3g} to {top:.3g} only"
    back = levels(n)[-1] <= usual + 0.1 * (top - usual)
    return "" if back else f"it did not come back: {levels(n)[-1]:.3g} after {usual:.3g}"


def swings(n: Numbers) -> str:
    """The last 128 losses repeat themselves: autocorrelation above 0.5, by 5 % of their level."""
    losses = n["loss"][-128:].astype(np.float64)
    if not np.isfinite(losses).all():
        return "it is not finite"
    t = np.arange(len(losses))
    rest = losses - np.polyval(np.polyfit(t, losses, 2), t)
    power = float(rest @ rest) or 1.0
    # A slow wander is no swing: it must have been negative before it is positive again.
    along = np.array([rest[k:] @ rest[:-k] / power for k in range(1, 33)])
    first = int((along < 0).argmax())
    again = float(along[first:].max()) if (along < 0).any() else 0.0
    size = float(rest.std() / abs(np.median(losses)))
    if again > 0.5 and size > 0.05:
        return ""
    return f"autocorrelation {again:.2f}, size {size:.3f}"


def strangled(n: Numbers) -> str:
    """Nearly every step was clipped, most to less than a twentieth."""
    share = n["grad_norm_applied"] / np.maximum(n["grad_norm"], 1e-30)
    return "" if np.median(share) < 0.05 and np.quantile(share, 0.97) < 1 else "clipped less"


def overwritten(n: Numbers) -> str:
    """A step is more than a tenth of the weights, and hardly anything was learned."""
    with np.errstate(all="ignore"):
        moved = n["update_norms"] / n["weight_norms"]
    weights = ["weight" in str(name) for name in n["names"]]
    share = float(np.median(moved[:, weights]))
    if not share > 0.1:
        return f"a step is {share:.2g} of the weights"
    end = levels(n)[-1] / float(n["start"])
    return "" if end > 0.7 else f"it learned, to {end:.2f} of where it began"


def grew(n: Numbers) -> str:
    """Steps of 50 iterations are 2 % of the weights, and three times those of any 50 before."""
    with np.errstate(all="ignore"):
        moved = n["update_norms"] / n["weight_norms"]
    weights = ["weight" in str(name) for name in n["names"]]
    middle = np.median(np.nan_to_num(moved[:, weights], nan=np.inf), axis=1)
    if len(middle) < 100:
        return "it is too short"
    steps = np.median(np.lib.stride_tricks.sliding_window_view(middle, 50), axis=1)
    lowest = np.minimum.accumulate(np.where(steps > 0, steps, np.inf))
    return "" if ((steps > 0.02) & (steps > 3 * lowest)).any() else "steps did not grow"


def made(n: Numbers) -> str:
    """How it was made says all."""
    return ""


@dataclass(frozen=True)
class Kind:
    """A failure: which codes tell it, and which are true beside them."""

    told_by: frozenset[str]
    """Any of them: some failures may rightly be told in two ways."""
    own: frozenset[str]
    """Those whose wrong use counts against this kind, so that none counts against two."""
    also: frozenset[str]
    """What comes with it or follows from it."""
    outcome: Callable[[Numbers], str]
    """Why the run did not become that; empty where it did."""
    noted: frozenset[str] = frozenset()
    """Those of ``told_by`` that may be a note: what healed at once, or is meant to be so, is no
    fault."""


def _kind(
    told_by: str,
    also: str,
    outcome: Callable[[Numbers], str],
    own: str | None = None,
    noted: str = "",
) -> Kind:
    return Kind(
        frozenset(f"BKS{code}" for code in told_by.split()),
        frozenset(f"BKS{code}" for code in (told_by if own is None else own).split()),
        frozenset(f"BKS{code}" for code in also.split()),
        outcome,
        frozenset(f"BKS{code}" for code in noted.split()),
    )


PIECES = "201 203 204"
"""Not finite, divergence, collapse: training that goes to pieces."""
ABOUT = "102 103 104 202 205 206 207 302 404 405"
"""What one sees of it on the way there and afterwards."""

KINDS: dict[str, Kind] = {
    HEALTHY: _kind("", "", learned),
    "vanishing": _kind("101", "301 302", faded),
    "exploding": _kind(PIECES, ABOUT, lost, "102 201 203 206 207"),
    "collapse": _kind(PIECES, ABOUT, lost, "204"),
    "drift": _kind("103", "102", drifted, noted="103"),
    "saturation": _kind("104", "101 102 302 405", flat),
    "spike": _kind("202", "102 206", spiked, noted="202"),
    "oscillation": _kind("205", "202 404", swings),
    "short-term": _kind("101 301", "302", short_only, "301"),
    "no learning": _kind("302", "405", at_baseline),
    "detached": _kind("401", "302", made),
    "frozen": _kind("402", "302", made),
    "unoptimised": _kind("409", "302", made),
    "clip too tight": _kind("403", "302 405", strangled),
    "updates too large": _kind("404", f"{PIECES} 102 104 202 205 207 302", overwritten),
    "updates too small": _kind("302 405", "", unmoved, "405"),
    # What is not finite may give a loss that is, of 1e30: a jump all the same.
    "data not finite": _kind("406", "201 202", made),
    "data constant": _kind("407", "101 302 402 405", made),
}


@np.errstate(all="ignore")  # losses beyond 1e200 are squared here
def label(made_for: str, numbers: Numbers) -> tuple[str | None, str]:
    """The kind of failure a run is, or None; and why it is not the one it was made for."""
    why = KINDS[made_for].outcome(numbers)
    if made_for == HEALTHY and not why:
        beside = [kind for kind in ("drift", "saturation") if not KINDS[kind].outcome(numbers)]
        return (None, f"there is {beside[0]} in it") if beside else (HEALTHY, "")
    if not why:
        return made_for, ""
    if when_lost(numbers) is not None:
        had_learned = float(np.min(levels(numbers))) < 0.8 * float(numbers["start"])
        return ("collapse" if had_learned else "exploding"), why
    if made_for in ("exploding", "collapse", "vanishing") and not learned(numbers):
        # It was made to fail: what has any other failure in it for a while is nothing clear.
        true = facts(numbers)
        return (None, f"{why}, but {min(true)} is true of it") if true else (HEALTHY, why)
    return None, why


@np.errstate(all="ignore")
def facts(n: Numbers) -> frozenset[str]:
    """Codes of what is plainly so in a run that is sick of something else, by the measures above.

    Of a healthy run they are not asked: there every warning is a false one.
    """
    parts = [
        {name: values[at : at + 30] if values.shape[:1] == n["loss"].shape else values
         for name, values in n.items()}
        for at in range(0, max(1, len(n["loss"]) - 29), 10)
    ]  # fmt: skip
    whole = {
        "BKS101": not faded(n), "BKS202": bool(jumped(n, times=2)), "BKS201": broken(n) is not None,
        "BKS203": not stayed_up(n), "BKS204": not stayed_up(n), "BKS207": not grew(n),
    }  # fmt: skip
    local = {
        "BKS103": drifted, "BKS104": flat, "BKS403": strangled,
    }  # fmt: skip
    found = {code for code, so in whole.items() if so}
    return frozenset(
        found | {code for code, rule in local.items() if any(not rule(part) for part in parts)}
    )
