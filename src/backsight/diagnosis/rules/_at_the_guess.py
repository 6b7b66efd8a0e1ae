"""Whether a loss has come to that of the best constant answer, and never below it."""

from backsight.diagnosis.stability import LossHistory

__all__ = ["at_the_guess"]

ERRORS = 5
"""Standard errors by which the lowest of many medians of 100 lies below all of them."""


def at_the_guess(course: LossHistory, guess: float, share: float) -> bool:
    """Whether its lowest level is that.

    Args:
        course: of the loss.
        guess: the loss of the best constant answer.
        share: of it, within which a loss counts as the same.
    """
    noise = ERRORS * 1.25 * course.usual.spread / 10
    return abs(course.deep - guess) <= max(share * abs(guess), noise)
