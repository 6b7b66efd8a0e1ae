"""A length that grows by the same number of steps in every iteration."""

from backsight.curriculum._length import Length, check_count

__all__ = ["LinearLength"]


class LinearLength(Length):
    """Grows by the same number of steps in every iteration.

    Args:
        end: as of :class:`Length`.
        start: as of :class:`Length`.
        over: iterations until it is at ``end``.

    Example:
        >>> from backsight import LinearLength
        >>> length, lengths = LinearLength(100, start=20, over=4), []
        >>> for _ in range(6):
        ...     lengths.append(length.length)
        ...     length.step(loss=1.0)
        >>> lengths
        [20, 40, 60, 80, 100, 100]
    """

    def __init__(self, end: int, start: int = 20, *, over: int) -> None:
        super().__init__(end, start)
        check_count("over", over)
        self.over = over

    def step(self, loss: float, horizon: float | None = None) -> None:
        """By the number of iterations alone."""
        self.iteration += 1
        share = min(1.0, self.iteration / self.over)
        self.length = self.start + int(share * (self.end - self.start))
