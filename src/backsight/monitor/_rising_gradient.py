"""Whether the gradient's norm has left its usual range, and whether to look at it again."""

import math

__all__ = ["GROWN", "SLOWLY", "RisingGradient"]

GROWN = 3.0
"""Times the usual norm: what lies above that, a measurement may want to look at."""

SLOWLY = 0.05
"""The share of a new norm in the usual one."""

LOOKS, SELDOM = 64, 32
"""So many looks in a row, and from then on one in so many iterations: a gradient that is noisy all
the time must not cost anything."""


class RisingGradient:
    """Holds each norm against the average of those before it.

    Example:
        >>> from backsight.monitor._rising_gradient import RisingGradient
        >>> rising = RisingGradient()
        >>> [rising.sees(n, norm) for n, norm in enumerate([1.0, 1.5, 4.0, 1.0, float("nan")])]
        [False, False, True, False, True]
    """

    def __init__(self) -> None:
        self.limit = 0.0
        """Above which a norm has left its usual range; 0 while none is known."""
        self._looks, self._looked_at = float(LOOKS), 0
        """How many looks are left, as of which iteration."""

    def sees(self, iteration: int, norm: float) -> bool:
        """Whether to look at an iteration with this norm of the gradient."""
        if norm <= self.limit:
            self.limit += SLOWLY * (GROWN * norm - self.limit)
            return False
        if not self.limit:
            self.limit = GROWN * norm if math.isfinite(norm) else 0.0
            return False
        self.limit += SLOWLY * (GROWN - 1) * self.limit  # nor is NaN below it
        self._looks = min(LOOKS, self._looks + (iteration - self._looked_at) / SELDOM)
        self._looked_at = iteration
        if self._looks < 1:
            return False
        self._looks -= 1
        return True
