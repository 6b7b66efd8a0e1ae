"""A length that is multiplied every so many iterations."""

from backsight.curriculum._length import Length, check_count, check_factor, longer

__all__ = ["StepwiseLength"]


class StepwiseLength(Length):
    """Is multiplied by ``growth`` every ``every`` iterations.

    Args:
        end: as of :class:`Length`.
        start: as of :class:`Length`.
        every: iterations at one length.
        growth: a factor above 1.

    Example:
        >>> from backsight import StepwiseLength
        >>> length, lengths = StepwiseLength(100, start=20, every=2), []
        >>> for _ in range(8):
        ...     lengths.append(length.length)
        ...     length.step(loss=1.0)
        >>> lengths
        [20, 20, 40, 40, 80, 80, 100, 100]
    """

    def __init__(self, end: int, start: int = 20, *, every: int, growth: float = 2.0) -> None:
        super().__init__(end, start)
        check_count("every", every)
        check_factor("growth", growth)
        self.every, self.growth = every, growth

    def step(self, loss: float, horizon: float | None = None) -> None:
        """By the number of iterations alone."""
        self.iteration += 1
        if self.iteration % self.every == 0:
            self.length = longer(self.length, self.growth, self.end)
