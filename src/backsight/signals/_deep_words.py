"""Lyapunov exponents and memory capacity in words."""

import math

from backsight.signals._reach import ReachOutcome

__all__ = ["capacity_words", "lyapunov_words"]


def lyapunov_words(largest: float, steps: int, outcome: ReachOutcome = "ok") -> str:
    """What the largest Lyapunov exponent means for the gradient, without a full stop.

    Args:
        largest: nats per step.
        steps: over which it was measured.
        outcome: of the measurement.

    Example:
        >>> from backsight.signals import lyapunov_words
        >>> for words in lyapunov_words(-0.12, 50).split(": "):
        ...     print(words)
        the largest Lyapunov exponent is -0.12 per step
        the gradient halves every 6 steps, as measured
    """
    if outcome == "not enough data":
        return "the Lyapunov exponents were not measured: no step counts"
    if outcome == "not finite" or math.isnan(largest):
        return "the Lyapunov exponents are not finite"
    if largest == -math.inf:
        return "no difference of the state outlives the steps measured, in any direction"
    told = f"the largest Lyapunov exponent is {_number(largest)} per step"
    if abs(largest) * steps < math.log(2):
        return f"{told}: the gradient neither halves nor doubles in {_steps(steps)}, as measured"
    chaos = "; small differences of the state grow (chaos)" if largest > 0 else ""
    changes, every = "doubles" if largest > 0 else "halves", math.log(2) / abs(largest)
    if every < 0.75:
        factor = math.exp(largest)
        return (
            f"{told}: the gradient changes by a factor of {factor:.2g} per step, as measured{chaos}"
        )
    number = f"{every:.1f}".removesuffix(".0") if every < 2.95 else f"{every:.0f}"
    often = "every step" if number == "1" else f"every {number} steps"
    return f"{told}: the gradient {changes} {often}, as measured{chaos}"


def capacity_words(total: float, units: int, outcome: ReachOutcome = "ok") -> str:
    """What a memory capacity comes to, without a full stop.

    Args:
        total: the capacity.
        units: of the hidden state.
        outcome: of the measurement.

    Example:
        >>> from backsight.signals import capacity_words
        >>> capacity_words(15.48, 100)
        'a linear readout of the 100 units recovers 15.5 past inputs (memory capacity)'
    """
    if outcome == "not enough data":
        return "the memory capacity was not measured"
    if outcome == "not finite" or math.isnan(total):
        return "the memory capacity is not finite"
    return (
        f"a linear readout of the {units} units recovers {total:.1f} past inputs (memory capacity)"
    )


def _number(value: float) -> str:
    if abs(value) < 1e-6:  # rounding
        return "0"
    return f"{value:.2f}" if abs(value) >= 0.095 else f"{value:.2g}"


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"
