"""Which iterations are sampled: every so many, or as often as a budget of time allows."""

import math
from typing import Literal

from backsight.errors import SettingError

__all__ = ["Every", "Sampler"]

Every = int | Literal["auto"]

RARELY = 1000
"""Iterations between samples at most, whatever they cost."""

SECOND = 5
"""The second sample: the first one's cost holds what is only paid once (kernels found, memory
got), and would postpone it needlessly."""

DOUBLING = 128
"""From here on, a sample is taken where as many iterations have passed since the last one as had
before it: a run of a few hundred short iterations would earn none, and show its beginning alone."""
SOONER = 4.0
"""Budgets that such a sample may take, of the time since the last one."""

MEMORY = 0.2
"""Weight of the newest cost in the running estimate."""

WITH_ALL = 2.0
"""Budgets that samples, and what every iteration is observed by, may take together."""

LEAST = 0.25
"""The share of the budget that is left to samples in any case."""

LASTING = 0.99
"""What an iteration leaves of the sums that tell how much observing takes: some 100 count."""


SPACED = 16
"""Iterations from one measurement of the hidden norms to the next, at most."""

CHECKED = 100
"""Iterations after which that spacing is looked at again. The first ones have every norm."""


class Sampler:
    """Decides which iterations are sampled, and how often hidden norms are taken.

    With ``"auto"``, time passing earns ``budget`` of itself, and a sample is taken as soon as its
    expected cost has been earned; but from iteration 128 on no later than at twice the number of
    the last sample, if that takes at most four budgets, and after 1,000 iterations in any case.
    What is sampled depends on timing; what is trained does not.

    What every iteration is observed by costs the same however short the iteration is. Where that
    takes more than ``budget`` by itself, samples are rarer, so that both together take twice the
    budget; but never rarer than a quarter of it allows. Hidden norms, the dearest part of it, are
    then taken in every 2nd, 4th, … 16th iteration, as needed.

    Args:
        every: iterations between samples, or ``"auto"``.
        budget: share of the training time that sampling may add.

    Raises:
        SettingError: no such interval or budget.

    Example:
        >>> from backsight.monitor.events import Sampler
        >>> sampler = Sampler(every=4, budget=0.01)
        >>> [iteration for iteration in range(10) if sampler.due(iteration)], sampler.number(8)
        ([0, 4, 8], 2)
    """

    def __init__(self, every: Every, budget: float) -> None:
        whole = isinstance(every, int) and not isinstance(every, bool)
        if every != "auto" and not (whole and every >= 1):
            raise SettingError(
                f'every must be "auto" or a whole number of at least 1, not {every!r}'
            )
        if not 0 < budget <= 1:
            raise SettingError(
                f"budget must be a share of the training time above 0 and at most 1, such as 0.01, "
                f"not {budget!r}"
            )
        self.cost = math.nan
        """Seconds that a sample is expected to take."""
        self.spacing = 1
        """Hidden norms are taken in iterations that are multiples of it: 1, 2, 4, 8 or 16."""
        self._every = every
        self._budget = budget
        self._earned = 0.0
        self._taken = 0
        self._waited = 0.0
        """Seconds since the last sample."""
        self._last = 0
        self._passed = 0
        self._trained = self._observed = 0.0
        """Seconds, of the last hundred iterations or so."""

    def due(self, iteration: int) -> bool:
        """Whether ``iteration``, which begins, is to be sampled."""
        if isinstance(self._every, int):
            return iteration % self._every == 0
        since = iteration - self._last
        if self._taken == 0 or since >= RARELY:
            return True
        doubled = iteration >= DOUBLING and since >= self._last
        if doubled and self.cost <= SOONER * self._budget * self._waited:
            return True
        return since >= SECOND if self._taken == 1 else self._earned >= self.cost

    def number(self, iteration: int) -> int:
        """Which sample ``iteration`` is, from 0; a run that is resumed counts on."""
        return iteration // self._every if isinstance(self._every, int) else self._taken

    def sampled(self, iteration: int, seconds: float) -> None:
        """``iteration`` was sampled, which took so long."""
        self._taken += 1
        self._last = iteration
        self._waited = 0.0
        if self._taken <= 2:
            self.cost = seconds
        else:
            self.cost += MEMORY * (seconds - self.cost)
        self._earned = max(self._earned - seconds, -seconds) if self._taken > 2 else 0.0

    def passed(self, seconds: float, observed: float = 0.0) -> None:
        """An iteration took so long, its sampling left out.

        Args:
            seconds: in all.
            observed: those of them that it took to observe it.
        """
        self._trained = LASTING * self._trained + seconds
        self._observed = LASTING * self._observed + observed
        share = self._observed / self._trained if self._trained else 0.0
        self._passed += 1
        self._waited += seconds
        if self._passed % CHECKED == 0 and self._every == "auto":
            self._space(share)
        rest = WITH_ALL * self._budget - share
        self._earned += max(LEAST * self._budget, min(self._budget, rest)) * seconds

    def _space(self, share: float) -> None:
        """Twice as many norms cost twice as much at most: they fit below half the budget."""
        if share > self._budget:
            self.spacing = min(SPACED, 2 * self.spacing)
        elif share < self._budget / 2:
            self.spacing = max(1, self.spacing // 2)
