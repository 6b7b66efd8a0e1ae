"""The constants of the stability statistics: slow ones to be sure, fast ones to be in time.

The rules judge for people, and a wrong verdict costs their trust: they wait until it is certain. A
guard acts: a wrong alarm costs it a rollback, and a late one the run.
"""

from dataclasses import dataclass

__all__ = ["FAST", "SLOW", "StabilityPreset"]


@dataclass(frozen=True, slots=True)
class StabilityPreset:
    """What the formulas of a spike, a collapse and a divergence are held against.

    Example:
        >>> from dataclasses import replace
        >>> from backsight.diagnosis.stability import FAST, SLOW
        >>> FAST.divergence_patience < SLOW.divergence_patience
        True
        >>> replace(SLOW, spike_sigmas=20.0).spike_sigmas
        20.0
    """

    spike_after: int
    """Losses before one can be a spike."""
    spike_sigmas: float
    """Robust standard deviations above the last losses: what the noise of a small batch does once
    in 10,000."""
    spike_share: float
    """Of what has been learned, that a spike costs at the least."""
    spike_least: float
    """Of where the loss began, that counts as learned at the least."""
    spike_floor: float
    """The part of what has been learned that a standard deviation is at least, as a divisor."""
    collapse_least: float
    """Of where the loss began, that it must have come down by to have learned."""
    collapse_share: float
    """Of what was learned, that is gone when a run has collapsed."""
    collapse_patience: int
    """Losses in a row: a spike may be over by then."""
    divergence_rise: float
    """Of where the loss began, that it stands above it when a run has diverged."""
    divergence_sigmas: float
    """Robust standard deviations of the first losses, that it does so by at the least."""
    divergence_patience: int
    """Losses in a row: a spike may be over by then."""


SLOW = StabilityPreset(
    spike_after=3,
    spike_sigmas=10.0,
    spike_share=0.3,
    spike_least=0.1,
    spike_floor=1000,
    collapse_least=0.2,
    collapse_share=0.7,
    collapse_patience=50,
    divergence_rise=0.25,
    divergence_sigmas=6.0,
    divergence_patience=20,
)
"""For a verdict."""

FAST = StabilityPreset(
    spike_after=5,
    spike_sigmas=10.0,
    spike_share=0.3,
    spike_least=0.1,
    spike_floor=20,
    collapse_least=0.2,
    collapse_share=0.5,
    collapse_patience=10,
    divergence_rise=0.5,
    divergence_sigmas=6.0,
    divergence_patience=10,
)
"""For a guard, and for whatever else reacts while it trains."""
