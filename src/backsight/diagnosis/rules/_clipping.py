"""BKS403: clipping acts on nearly every step, and strongly."""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Rule, Sample, named, percent, short
from backsight.diagnosis._stretch import Stretch
from backsight.diagnosis._windows import Floats, middles, sorted_windows

__all__ = ["Clipping"]

DIVIDED = 10
"""What is so many times shorter than clipping has made it was divided besides."""

ABOVE = 100
"""What is so many times longer than a gradient of an optimizer's ε: it is lost beside that."""

VALUES = "values"
"""Where gradients are limited element by element."""

SAME = 1 + 1e-4
"""Quotient of two norms that are the same but for rounding."""
DIFFER = 1.01
"""Quotient of two norms that no threshold has made."""


def _is_division(most: Any, largest: Any, low: Any, high: Any) -> Any:
    """Whether gradients were divided by a number, and not clipped; of floats, or of arrays.

    Args:
        most: the factor that four fifths are not above.
        largest: the largest factor.
        low: the norm that a tenth is below.
        high: the norm that a tenth is above.
    """
    return (largest <= SAME * most) & (high > DIFFER * low)


@dataclass
class Clipping(Rule):
    """The clip has become the learning rate."""

    code: ClassVar[str] = "BKS403"
    title: ClassVar[str] = "clipping always on"
    severity: ClassVar = "warning"
    reads: ClassVar = ("grad_norm_applied", "clip_factor")
    optional_signals: ClassVar = ("grad_norm", "grad_norm_floor", "gradient_clamped")
    leads_to: ClassVar = (
        "BKS302",
        "BKS303",
        "BKS405",
    )
    explanation: ClassVar[str] = (
        "Clipping is meant for rare steps. Here it shortens nearly every gradient, and by a large "
        "factor, so that all gradients have the same norm. With SGD the threshold then acts as the "
        "learning rate; Adam and its like divide a gradient by its usual size, which undoes the "
        "factor."
    )
    criterion: ClassVar[str] = (
        "At least {share:g} of the last {window:.0f} gradients were shortened, half of them to "
        "less than {factor:g} of their norm. Gradients that the script divides are not clipped: "
        "what clip_grad_norm_ is seen not to have done does not count, nor a fifth of them that "
        "was shortened by exactly the same factor, to norms that differ (a loss scale that is "
        "undone). Of what no optimizer moves, in {alike:.0f} samples in a row clip_grad_norm_ "
        "shortens gradients to less than that. It is a note where the loss is down to {solved:g} "
        "of where it began by then, or where every optimizer divides gradients by their usual "
        "size (Adam, RMSprop) and what is left is far above its ε. Or in {alike:.0f} samples in a "
        "row, {held:.0%} of a gradient or more are at the largest value, to the bit: all values "
        "were limited, perhaps by a hook; a note while the loss falls."
    )
    causes: ClassVar = (
        "a threshold that was copied from another model",
        "a loss that is a sum instead of a mean",
        "gradients that have grown (see BKS102)",
    )
    remedies: ClassVar = (
        "set the threshold to 1 to 10 times the median of the gradient norm",
        "clip at a quantile of the past gradient norms",
    )
    studied_remedies: ClassVar = ("clip",)
    source: ClassVar[str] = (
        "Pascanu et al. 2013: half to ten times the average norm; shares: Backsight"
    )

    window: float = 100
    """Steps."""
    solved: float = 0.1
    """Of where the loss began: steps of one length have brought it there."""
    share: float = 0.95
    """Shortened."""
    held: float = 0.5
    """Of the elements of a matrix."""
    alike: float = 10
    """Samples: gradients are large at first."""
    factor: float = 0.03
    """With a tenth, orthogonal networks on temporal order still train well; of those that crawl it
    is a hundredth."""
    _factors: dict[str, Recent] = field(default_factory=dict, init=False, repr=False)
    _called: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """By how much ``clip_grad_norm_`` was last seen to shorten gradients."""
    _applied: dict[str, Recent] = field(default_factory=dict, init=False, repr=False)
    """By member, the norms after it, of the same steps."""

    _floors: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """By optimizer, how long a gradient of its ε is; 0 where it divides gradients by nothing."""

    _held: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    """By member, samples in a row in which values were at a limit."""

    _by_hand: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    """By member, samples in a row in which a clip has shortened what no optimizer reads."""

    @property
    def requirement(self) -> Requirement:
        """Pairs of norms."""
        of = "with grad_norm_applied and a grad_norm above zero"
        return self.require(int(self.window), "iteration", of)

    def _look_at_values(self, now: Sample) -> None:
        for member, share in now.numbers("gradient_clamped").items():
            where = member or VALUES
            held = self._held[where] = self._held.get(where, 0) + 1 if share >= self.held else 0
            course = now.courses.get(now.label)
            if held >= self.alike and member not in self.findings:
                self.ready = True
                self.found(
                    where,
                    now.iteration,
                    f"{percent(share)} of the gradient are at one value, in {held:.0f} samples in "
                    "a row: all values are limited, and the steps follow their signs",
                    {"share at the limit": share},
                    signals=(named("gradient_clamped", member),),
                    severity="info" if course is not None and course.learned else "warning",
                )
            if 2 * share < self.held:
                self.resolve(where, now.iteration)

    def _look_by_hand(self, member: str, now: Sample, factor: float, before: float) -> None:
        """Of parameters that no optimizer moves: nobody reads a norm, and each clip is told of."""
        if not self.finite(member, factor, before):
            return
        row = self._by_hand[member] = (
            self._by_hand.get(member, 0) + 1 if factor < self.factor else 0
        )
        self.usable(member)
        if row >= self.alike:
            self.ready = True
            self._tell(
                member, now, factor, before, factor * before,
                f"clipping has shortened gradients to less than {short(self.factor)} of their norm "
                f"in {row} samples in a row",
            )  # fmt: skip
        elif factor > 2 * self.factor:
            self.resolve(member, now.iteration)

    def _update(self, now: Sample) -> None:
        self._look_at_values(now)
        computed = now.numbers("grad_norm")
        self._called |= now.numbers("clip_factor")
        self._floors = {**now.numbers("grad_norm_floor"), **self._floors}
        norms_applied = now.numbers("grad_norm_applied")
        for member, factor in now.numbers("clip_factor").items():
            if member not in norms_applied and member in computed:
                self._look_by_hand(member, now, factor, computed[member])
        for member, applied in norms_applied.items():
            before = computed.get(member, math.nan)
            if member not in computed or not self.finite(member, before, applied) or before <= 0:
                continue
            factors = self._factors.setdefault(member, Recent(int(self.window)))
            norms = self._applied.setdefault(member, Recent(int(self.window)))
            if math.isfinite(applied / before):
                factors.add(applied / before)
                norms.add(applied)
            self.usable(member)
            if not factors.full:
                continue
            self.ready = True
            # The last of that share, by size, still shortened; 0.999: rounding.
            last = factors.quantile(self.share - 1 / self.window)
            if (
                last >= 0.999
                or factors.median >= self.factor
                or _is_division(
                    factors.quantile(0.8),
                    factors.quantile(1.0),
                    norms.quantile(0.1),
                    norms.quantile(0.9),
                )
            ):
                if factors.median > 2 * self.factor:
                    self.resolve(member, now.iteration)
                continue
            if self._called.get(member, 0.0) < DIVIDED * factors.median:
                self._tell(member, now, factors.median, before, applied)

    def update_many(self, stretch: Stretch) -> None:
        """As of any rule; all pairs at once where a full window precedes them."""
        pairs = [
            (applied, computed)
            for applied in stretch.scalars("grad_norm_applied")
            for computed in stretch.scalars("grad_norm")
            if applied.member == computed.member
        ]
        known = (self._factors.get(applied.member) for applied, _ in pairs)
        if not pairs or not self.ready or not all(one is not None and one.full for one in known):
            super().update_many(stretch)
            return
        for one in stretch.scalars("grad_norm_floor"):
            self._floors.setdefault(one.member, float(one.numbers[0]))
        for place in stretch.places(("gradient_clamped",)).tolist():
            self._look_at_values(stretch.sample(place))
        for applied, computed in pairs:
            _, mine, theirs = np.intersect1d(
                applied.at, computed.at, assume_unique=True, return_indices=True
            )
            called = self._called_at(applied.member, applied.at[mine], stretch)
            norms = computed.numbers[theirs], applied.numbers[mine]
            self._update_pairs(applied.member, stretch, applied.at[mine], *norms, called)

    def _called_at(self, member: str, places: NDArray[np.int64], stretch: Stretch) -> Floats:
        """What was last known of ``clip_grad_norm_`` at each place."""
        known, since = [self._called.get(member, 0.0)], np.zeros(0, np.int64)
        for one in stretch.scalars("clip_factor"):
            if one.member == member:
                known, since = [*known, *one.numbers.tolist()], one.at
        self._called[member] = known[-1]
        return np.array(known)[np.searchsorted(since, places, side="right")]

    def _update_pairs(
        self,
        member: str,
        stretch: Stretch,
        places: NDArray[np.int64],
        before: Floats,
        applied: Floats,
        called: Floats,
    ) -> None:
        finite = np.isfinite(before) & np.isfinite(applied)
        if finite.size:
            self.note_finite(member, bool(finite[-1]))
        usable = np.flatnonzero(finite & (before > 0))
        with np.errstate(over="ignore"):
            new = applied[usable] / before[usable]
        kept = np.isfinite(new)  # a quotient may overflow: then the window stays as it is
        factors = self._factors[member]
        size = factors.size
        past = np.concatenate([factors.oldest_first, new[kept]])
        factors.load_state_dict(past[-size:].tolist())
        ends = size + np.cumsum(kept)
        ordered = sorted_windows(past, size, ends)
        norms = np.concatenate([self._applied[member].oldest_first, applied[usable][kept]])
        self._applied[member].load_state_dict(norms[-size:].tolist())
        after = sorted_windows(norms, size, ends)
        middle = middles(ordered)
        last = ordered[:, min(int((self.share - 1 / self.window) * size), size - 1)]
        at_share = [min(int(share * size), size - 1) for share in (0.8, 1.0, 0.1, 0.9)]
        alike = _is_division(
            ordered[:, at_share[0]], ordered[:, at_share[1]],
            after[:, at_share[2]], after[:, at_share[3]],
        )  # fmt: skip
        misses = (last >= 0.999) | (middle >= self.factor) | alike
        divided = ~(called[usable] < DIVIDED * middle)

        def tell(place: int) -> None:
            sample = usable[place]
            at = stretch.sample(int(places[sample]))
            norms = float(before[sample]), float(applied[sample])
            self._tell(member, at, float(middle[place]), *norms)

        over = misses & (middle > 2 * self.factor)
        at = stretch.iterations[places[usable]]
        self.hit_or_miss(member, at, ~misses & ~divided, over, tell)

    def _tell(
        self,
        member: str,
        now: Sample,
        median: float,
        before: float,
        applied: float,
        message: str | None = None,
    ) -> None:
        course = now.courses.get(now.label)
        began = math.nan if course is None else course.began
        # A likelihood's loss falls on below 0; of one that began there, no share is known.
        solved = course is not None and began >= 0 and course.level <= self.solved * began
        undone = (
            bool(self._floors)
            and message is None
            and all(floor > 0 and applied > ABOVE * floor for floor in self._floors.values())
        )
        self.found(
            member,
            now.iteration,
            message
            or f"clipping shortened at least {percent(self.share)} of the last {self.window:.0f} "
            f"gradients, half of them to less than {short(median)} of their norm",
            {"median factor": median, "gradient norm": before, "applied": applied},
            signals=(named("grad_norm", member), named("grad_norm_applied", member)),
            severity="info" if solved or undone else None,
        )
