"""How fast the channels of a gated linear recurrence forget, and what that means in words.

In such a layer, what a channel holds fades by the product of its gates ``a_t``, whatever else
happens. Its half-life is ``ln 2 / -mean_t ln |a_t|`` steps.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backsight.signals._reach import ReachOutcome

__all__ = ["SHARES", "StateHalfLives", "half_life_words"]

SHARES: NDArray[np.float64] = np.linspace(0, 1, 21)
"""Of the channels, at which the quantiles of the half-lives are recorded: 0, 5, …, 100 %."""

FAR = (64, 512)
"""Steps, beyond which the share of the channels is told; the window's follows."""


@dataclass(frozen=True, slots=True, eq=False)
class StateHalfLives:
    """The half-lives of the channels of one layer, from the gates of one forward.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import StateHalfLives
        >>> lives = StateHalfLives.of(np.log([0.5, 0.9, 0.999]), window=100)
        >>> lives.steps.round(1).tolist(), lives.quantile(0.5).round(1)
        ([1.0, 6.6, 692.8], np.float64(6.6))
        >>> lives.far.tolist(), lives.beyond.round(2).tolist()
        ([64.0, 512.0, 100.0], [0.33, 0.33, 0.33])
    """

    steps: NDArray[np.float64]
    """``(channels,)``: ``inf`` where gates are 1 or more, 0 where one of them is 0, and NaN where
    they are."""
    window: int
    """Steps of the forward that they were read from."""
    bound: bool = False
    """Whether they are upper bounds: a matrix in the transition may make a channel forget
    faster."""
    kind: str = ""
    """The family of the layer: ``Mamba``."""

    @classmethod
    def of(
        cls, mean: NDArray[np.floating], window: int, bound: bool = False, kind: str = ""
    ) -> "StateHalfLives":
        """From the logarithms of the gates.

        Args:
            mean: ``(channels,)``, the mean of ``ln |a_t|``.
            window: steps of the forward.
            bound: whether the gates are upper bounds.
            kind: the family.
        """
        logs = np.asarray(mean, np.float64)
        with np.errstate(divide="ignore"):
            steps = np.where(logs >= 0, np.inf, math.log(2) / -logs)
        return cls(steps, window, bound, kind)

    @property
    def outcome(self) -> ReachOutcome:
        """``not finite`` where any gate is NaN; an infinite half-life is one that is known."""
        if not len(self.steps):
            return "not enough data"
        return "not finite" if np.isnan(self.steps).any() else "ok"

    def quantile(self, share: float) -> np.float64:
        """The half-life that at least that share of the channels do not exceed; one channel's own.

        NaN where any is.
        """
        return np.float64(self._at(np.array([share]))[0])

    @property
    def quantiles(self) -> NDArray[np.float64]:
        """``(21,)``: at :data:`SHARES`."""
        return self._at(SHARES)

    @property
    def far(self) -> NDArray[np.float64]:
        """``(3,)``: the steps of :attr:`beyond`."""
        return np.array([*FAR, self.window], np.float64)

    @property
    def beyond(self) -> NDArray[np.float64]:
        """``(3,)``: the shares of channels with a longer half-life than :attr:`far`."""
        shares = (self.steps[:, None] > self.far).mean(0) if len(self.steps) else np.zeros(3)
        return shares if self.outcome == "ok" else np.full(3, np.nan)

    @property
    def words(self) -> str:
        """What they mean, without a full stop."""
        return half_life_words(self.quantiles, self.far, self.beyond, bound=self.bound)

    def _at(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.outcome != "ok":
            return np.full(len(shares), np.nan)
        # Not between two channels: that of a finite and an infinite one is no number.
        found: NDArray[np.float64] = np.quantile(self.steps, shares, method="inverted_cdf")
        return found


def half_life_words(
    quantiles: NDArray[np.floating],
    far: NDArray[np.floating],
    beyond: NDArray[np.floating],
    *,
    bound: bool = False,
) -> str:
    """What half-lives mean, without a full stop.

    Args:
        quantiles: ``(21,)``, at :data:`SHARES`.
        far: ``(n,)``, steps; the last are those of the window.
        beyond: ``(n,)``, the share of channels with a longer half-life.
        bound: whether they are upper bounds.

    Example:
        >>> import numpy as np
        >>> from backsight.signals import StateHalfLives
        >>> lives = StateHalfLives.of(-np.geomspace(1, 0.005, 100), window=48)
        >>> for words in lives.words.replace("; ", ", ", 1).split(", "):
        ...     print(words)
        by half-life
        half of the channels forget within 9.5 steps
        5 % within 0.9
        and 5 % keep beyond 106
        15 % keep beyond 64 steps
        and 20 % beyond the window of 48
    """
    row = np.asarray(quantiles, np.float64)
    if row.shape != SHARES.shape:
        return "how fast the channels forget was not measured"
    if np.isnan(row).any():
        return "how fast the channels forget is not finite"
    low, middle, high = row[[1, 10, 19]]
    told = f"by half-life, half of the channels {_forgets(middle)}"
    if low < high:
        told += f", 5 % {_within(low)}, and 5 % {_keeps(high)}"
    *steps, window = np.asarray(far, np.float64)
    *shares, rest = np.asarray(beyond, np.float64)
    there = [f"{_share(s)} beyond {k:.0f}" for k, s in zip(steps, shares, strict=True) if s]
    if rest:
        there.append(f"{_share(rest)} beyond the window of {window:.0f}")
    if there:
        there[0] = there[0].replace(" % ", " % keep ", 1) + " steps" * (len(there) > bool(rest))
        *before, last = there
        told += f"; {', '.join(before)}{', and ' * bool(before)}{last}"
    if bound:
        told += (
            "; these are upper bounds, as the transition is a matrix that may forget faster than "
            "its decay"
        )
    return told


def _forgets(steps: float) -> str:
    if math.isinf(steps):
        return "never forget"
    if not steps:
        return "forget at once"
    number = _number(steps)
    return f"forget within {number} step{'s' * (number != '1')}"


def _within(steps: float) -> str:
    if math.isinf(steps):
        return "never"
    return "at once" if not steps else f"within {_number(steps)}"


def _keeps(steps: float) -> str:
    return "never forget" if math.isinf(steps) else f"keep beyond {_number(steps)}"


def _share(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.2g} %"


def _number(steps: float) -> str:
    if steps >= 9.95:
        return f"{steps:,.0f}"
    return f"{steps:.1f}".removesuffix(".0") if steps >= 0.1 else f"{steps:.1g}"
