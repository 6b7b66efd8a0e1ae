"""How much a remedy changes, and when that is proof. Plain numbers in, words out."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from backsight.studies.remedies._row import RemedyTrial

__all__ = ["Effect", "doubts", "effect_of", "middle"]

SEEDS = 3
"""Fewer prove nothing. Were the remedy without effect, all of three seeds with it would still end
better than all of three without in 1 of 20 studies, all of two in 1 of 6."""

MARGIN = 0.05
"""Of the unchanged loss: what is less is not worth a change. A loss that counts as better than a
guess is that much below it, too."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Loss without the remedy minus loss with it, seed by seed; above 0 it helps.

    Infinite where only one of the two is finite, and 0 where neither is.

    Example:
        >>> from backsight.studies import Effect
        >>> saved = Effect(by_seed=(0.5, 0.7, 0.4), median=0.5, low=0.4, high=0.7)
        >>> saved.median, saved.low > 0  # it helps with every seed
        (0.5, True)
    """

    by_seed: tuple[float, ...]
    """Of the seeds with both results."""
    median: float
    """The lower of two in the middle."""
    low: float
    high: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``."""
        return asdict(self)


def effect_of(trials: Sequence[RemedyTrial], unchanged: Sequence[RemedyTrial]) -> Effect | None:
    """The effect on pairs of the same seed; None where there is no pair."""
    scores = {trial.seed: trial.score for trial in unchanged}
    found = []
    for trial in trials:
        before, after = scores.get(trial.seed), trial.score
        if before is not None and after is not None:
            found.append(0.0 if before == after else before - after)  # ∞ - ∞ included
    if not found:
        return None
    return Effect(tuple(found), middle(found), min(found), max(found))


def middle(values: Sequence[float]) -> float:
    """The median, the lower of two: of -∞ and ∞ there is no mean."""
    return sorted(values)[(len(values) - 1) // 2]


def doubts(
    trials: Sequence[RemedyTrial],
    unchanged: Sequence[RemedyTrial],
    rivals: Sequence[tuple[str, Effect | None]],
) -> str:
    """Why trials do not prove a remedy, in words; empty where they do.

    They do where there are at least three seeds, every one with the remedy ends better than every
    one without, by more than 5 % of the unchanged loss in the median of the pairs, and no rival's
    median effect is larger.

    Args:
        trials: with the remedy, a seed each.
        unchanged: without, of the same seeds.
        rivals: fixes that were not chosen for this run, by name, with their effect on these seeds.
    """
    effect = effect_of(trials, unchanged)
    if effect is None or len(effect.by_seed) < len(unchanged):
        return "not every seed has a result"
    if len(effect.by_seed) < SEEDS:
        seeds = len(effect.by_seed)
        return f"{seeds} seed{'s prove' if seeds > 1 else ' proves'} nothing: it takes {SEEDS}"
    before = [score for t in unchanged if (score := t.score) is not None]
    after = [score for t in trials if (score := t.score) is not None]
    if len(set(before)) == 1 and math.isfinite(before[0]):
        return "the unchanged run ends alike with every seed, so that its seeds tell nothing"
    better = sum(value > 0 for value in effect.by_seed)
    if better < len(effect.by_seed):
        return f"only {better} of {len(effect.by_seed)} seeds end better"
    if max(after) >= min(before):
        return (
            f"seeds alone differ as much: its worst ends at {max(after):.4g}, and the unchanged "
            f"run's best at {min(before):.4g}"
        )
    if math.isfinite(effect.median) and effect.median <= MARGIN * abs(middle(before)):
        return f"the effect is less than {100 * MARGIN:.0f} % of the loss"
    for name, rival in rivals:
        if rival is not None and rival.median > effect.median:
            return f"{name} does more"
    return ""
