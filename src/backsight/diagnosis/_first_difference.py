"""Which signal of two runs parts first, at which iteration, and by how much."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from backsight.diagnosis._parting import (
    Parting,
    SeriesParting,
    parting_of_profiles,
    parting_of_series,
)
from backsight.signals import Run, common_samples, describe, family, spell

__all__ = ["FirstDifference", "SignalDifference", "first_difference", "parting_words", "stage"]

ORDER = (
    "lr", "momentum", "seq_len", "group_lr", "dropout_rate", "decay_ratio",
    "input_spread", "input_scale",
    "hidden_norm_mean", "hidden_norm_max", "hidden_norm", "saturation", "inactive",
    "memory", "memory_alike", "memory_lag", "memory_length", "memory_loss",
    "state_half_life", "state_half_life_bound", "state_beyond", "state_beyond_steps",
    "loss", "guess_loss",
    "grad_norm", "reach", "grad_time", "grad_time_cell", "reach_ahead", "block_reach",
    "half_life", "horizon", "growth_rate", "reach_share", "graph_end",
    "act_before", "act_after", "grad_norm_applied", "clip_factor", "clipped_share",
    "weight_norm", "update_ratio", "update_rms", "effective_lr", "spectral_radius", "sigma_max",
)  # fmt: skip
"""Within one iteration, each is made of those before it: what is given, computed, learned."""

CLOCK = "1/s"
"""The unit of what differs between any two runs: how fast the machine was."""


@dataclass(frozen=True, slots=True)
class SignalDifference:
    """Where one signal of two runs parts.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.diagnosis import first_difference
        >>> for name, loss in (("one", 2.0), ("two", 2.5)):
        ...     with Recorder(f"runs/{name}") as recorder:
        ...         recorder.series("loss", [0, 1], [3.0, loss])
        >>> (signal,) = first_difference(Run("runs/one"), Run("runs/two")).signals
        >>> signal.name, signal.common, signal.exact.iteration
        ('loss', 2, 1)
    """

    name: str
    samples: tuple[int, int]
    """Of each run."""
    common: int
    """At iterations that both have: only these are compared."""
    exact: Parting | None
    beyond_noise: Parting | None
    """None for a profile, too."""


@dataclass(frozen=True, slots=True)
class FirstDifference:
    """What two runs have in common, and where they part.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.diagnosis import first_difference
        >>> for name, loss in (("one", 2.0), ("two", float("nan"))):
        ...     with Recorder(f"runs/{name}") as recorder:
        ...         recorder.series("loss", [0, 1], [3.0, loss])
        >>> print(first_difference(Run("runs/one"), Run("runs/two")).message)
        loss is the first to differ: 2 and NaN at iteration 1
    """

    signals: tuple[SignalDifference, ...]
    """Those that both runs have, the first to part first; then those that are alike."""
    only_first: tuple[str, ...]
    """Signals that the other run does not have."""
    only_other: tuple[str, ...]
    iterations: tuple[int, int]
    """Of each run."""

    @property
    def exact(self) -> SignalDifference | None:
        """The signal that differs first; None where all are alike at common iterations."""
        return next((one for one in self.signals if one.exact is not None), None)

    @property
    def beyond_noise(self) -> SignalDifference | None:
        """The signal that first differs by more than the runs' own noise explains."""
        parted = [(one.beyond_noise, one) for one in self.signals if one.beyond_noise is not None]
        order = sorted(parted, key=lambda pair: (pair[0].iteration, stage(pair[1].name)))
        return order[0][1] if order else None

    @property
    def message(self) -> str:
        """Both in a sentence without its full stop."""
        if not self.signals:
            return "the runs have no signal in common"
        first, far = self.exact, self.beyond_noise
        if first is None or first.exact is None:
            return "every signal that both runs have is the same, bit for bit" + self._extent
        told = f"{first.name} is the first to differ: {parting_words(first.exact)}"
        if far is None or far.beyond_noise is None:
            return f"{told}; nothing differs beyond the noise of the runs"
        if far == first and far.beyond_noise.iteration == first.exact.iteration:
            noise = far.beyond_noise.noise
            return f"{told}, at once beyond the noise of the runs" if noise is not None else told
        return (
            f"{told}; beyond the noise of the runs, {far.name} is the first: "
            f"{parting_words(far.beyond_noise)}"
        )

    @property
    def _extent(self) -> str:
        """Where one run is longer."""
        if self.iterations[0] == self.iterations[1]:
            return ""
        return f", up to iteration {min(self.iterations) - 1:,}, where the shorter one ends"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``."""
        return {
            "message": self.message,
            "exact": _named(self.exact, "exact"),
            "beyond_noise": _named(self.beyond_noise, "beyond_noise"),
            "signals": [_plain(one) for one in self.signals],
            "only_first": list(self.only_first),
            "only_other": list(self.only_other),
        }


def first_difference(first: Run, other: Run) -> FirstDifference:
    """Where two runs part: exactly, and beyond their own noise.

    Only iterations that both runs have are compared, signal by signal: runs may differ in length,
    and in the iterations that were sampled. What depends on the clock (tokens_per_second) is left
    out. Signals are read one after the other, and a stretch of each at a time.

    Args:
        first: a run.
        other: the run to compare with it.

    Raises:
        RunError: a store is damaged.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.diagnosis import first_difference
        >>> for name, rate in (("one", 0.1), ("two", 0.2)):
        ...     with Recorder(f"runs/{name}") as recorder:
        ...         recorder.series("lr", range(20), [rate] * 20)
        ...         recorder.series("loss", range(20), [2.0] + [1.0 / rate] * 19)
        >>> found = first_difference(Run("runs/one"), Run("runs/two"))
        >>> found.exact.name, found.exact.exact.iteration, found.exact.exact.difference
        ('lr', 0, 0.1)
    """
    with first.moment(), other.moment():
        ours, theirs = set(_timeless(first.names)), set(_timeless(other.names))
        both = sorted(ours & theirs)
        signals = tuple(sorted((_compared(first, other, n) for n in both), key=_order))
        return FirstDifference(
            signals,
            tuple(sorted(ours - theirs)),
            tuple(sorted(theirs - ours)),
            (first.iterations, other.iterations),
        )


def stage(name: str) -> int:
    """Where a signal stands among those of one iteration: what it is made of comes before it."""
    return ORDER.index(family(name)) if family(name) in ORDER else len(ORDER)


def parting_words(parting: Parting) -> str:
    """``2 and 2.5 at iteration 7``.

    Example:
        >>> from backsight.diagnosis import Parting, parting_words
        >>> parting_words(Parting(7, 2.0, 2.5, noise=0.1))
        '2 and 2.5 at iteration 7, a difference of 0.5 where the noise is 0.1'
        >>> parting_words(Parting(7, 2.0, 2.0000001))
        '2 and 2.0000001 at iteration 7'
    """
    place = "" if parting.place is None else f" (at place {parting.place})"
    words = f"{_both(parting)} at iteration {parting.iteration:,}{place}"
    if parting.noise is None:
        return words
    noise = f"the noise is {parting.noise:.3g}" if parting.noise else "there is no noise"
    return f"{words}, a difference of {parting.difference:.3g} where {noise}"


def _both(parting: Parting) -> str:
    """With as many digits as it takes to tell them apart."""
    first, other = parting.first, parting.other
    for digits in (4, 8, 17):
        words = [f"{v:.{digits}g}" if _is_finite(v) else spell(v) for v in (first, other)]
        if words[0] != words[1]:
            break
    return " and ".join(words)


def _is_finite(value: float) -> bool:
    return value - value == 0


def _timeless(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        known = describe(name)
        if known is None or known.unit != CLOCK:
            yield name


def _compared(first: Run, other: Run, name: str) -> SignalDifference:
    ours, theirs = first.stream(name), other.stream(name)
    samples = ours.samples, theirs.samples
    if ours.is_profile != theirs.is_profile:
        return SignalDifference(name, samples, 0, None, None)
    part = parting_of_profiles if ours.is_profile else parting_of_series
    found: SeriesParting = part(common_samples(ours, theirs))
    return SignalDifference(name, samples, found.common, found.exact, found.beyond_noise)


def _order(one: SignalDifference) -> tuple[bool, int, int, str]:
    at = -1 if one.exact is None else one.exact.iteration
    return one.exact is None, at, stage(one.name), one.name


def _named(one: SignalDifference | None, which: str) -> dict[str, Any] | None:
    return None if one is None else {"signal": one.name, **_parting(getattr(one, which))}


def _plain(one: SignalDifference) -> dict[str, Any]:
    return {
        "name": one.name,
        "samples": list(one.samples),
        "common": one.common,
        "exact": None if one.exact is None else _parting(one.exact),
        "beyond_noise": None if one.beyond_noise is None else _parting(one.beyond_noise),
    }


def _parting(one: Parting) -> dict[str, Any]:
    return {**asdict(one), "difference": one.difference}
