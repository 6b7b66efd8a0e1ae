"""What a study of remedies comes to: proven on fresh seeds, or not proven and why."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from backsight.report import number
from backsight.studies.remedies._arm import Arm
from backsight.studies.remedies._effect import Effect, doubts, middle

__all__ = ["RemedyVerdict", "judge_remedies", "leader"]

RemedyOutcome = Literal["proven", "not proven", "nothing helps", "not enough data"]


@dataclass(frozen=True, slots=True)
class RemedyVerdict:
    """In words, and what to type.

    Example:
        >>> from backsight.studies import RemedyVerdict
        >>> verdict = RemedyVerdict("proven", "gru", message="A GRU saves 1.5 nats.")
        >>> verdict.outcome, verdict.remedy, verdict.as_dict()["doubt"]
        ('proven', 'gru', '')
    """

    outcome: RemedyOutcome
    remedy: str
    """The one it is about; empty where none helps."""
    message: str
    doubt: str = ""
    """Why it is not proven."""
    command: str = ""
    code: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``."""
        return asdict(self)


def leader(unchanged: Arm, default: Arm, random: Arm, ranked: Sequence[Arm]) -> Arm | None:
    """The first in the ranking whose trials convince; it is what fresh seeds shall prove.

    Args:
        unchanged: the run as it is.
        default: the default fix.
        random: the random one.
        ranked: remedies, the largest effect first.
    """
    rivals = _rivals(default.effect, random.effect)
    for arm in ranked:
        if arm.effect is not None and not doubts(arm.trials, unchanged.trials, rivals):
            return arm
    return None


def judge_remedies(
    unchanged: Arm,
    default: Arm,
    random: Arm,
    ranked: Sequence[Arm],
    lr_times: float | None = None,
) -> RemedyVerdict:
    """The verdict; arguments as of :func:`leader`.

    Args:
        lr_times: what the remedy ``lr-fit`` divides the learning rate by.
    """
    verdict = _verdict(unchanged, default, random, ranked)
    words = _too_high(unchanged, ranked, lr_times)
    return replace(verdict, message=f"{verdict.message} {words}") if words else verdict


def _too_high(unchanged: Arm, ranked: Sequence[Arm], times: float | None) -> str:
    """Said only where trials at the lower rate convince, whatever other remedies do."""
    arm = next((arm for arm in ranked if arm.name == "lr-fit"), None)
    if arm is None or arm.effect is None or times is None:
        return ""
    if doubts(arm.trials, unchanged.trials, ()):
        return ""
    return (
        f"The learning rate is {times:g} times too high: divided by that, the final loss is "
        f"{_effect(arm.effect)}."
    )


def _verdict(unchanged: Arm, default: Arm, random: Arm, ranked: Sequence[Arm]) -> RemedyVerdict:
    tried = [arm for arm in ranked if arm.effect is not None]
    if not tried:
        why = next((trial.reason for trial in unchanged.trials if trial.score is None), "")
        return RemedyVerdict(
            "not enough data", "",
            "Not enough data: no remedy has a result to compare with the unchanged run"
            f"{why and ': '}{why}",
        )  # fmt: skip
    chosen = leader(unchanged, default, random, ranked)
    best = chosen or tried[0]
    assert best.effect is not None
    if best.effect.median <= 0:
        return RemedyVerdict(
            "nothing helps", "",
            f"No remedy helps: with the best, {_named(best)}, the final loss is "
            f"{_effect(best.effect)}. {_others(default.effect, random.effect)}",
        )  # fmt: skip
    effect, others = best.effect, _others(default.effect, random.effect)
    fresh = chosen is not None and best.proof is not None
    if chosen is None:
        doubt = doubts(best.trials, unchanged.trials, _rivals(default.effect, random.effect))
    elif best.proof is None or len(unchanged.fresh) < len(unchanged.trials):
        doubt = "it has not been trained on fresh seeds yet"
    else:
        effect, others = best.proof, _others(default.proof, random.proof)
        doubt = doubts(best.fresh, unchanged.fresh, _rivals(default.proof, random.proof))
        doubt = doubt and f"on fresh seeds, {doubt}"
    rows = (best.fresh, unchanged.fresh) if fresh else (best.trials, unchanged.trials)
    losses = " instead of ".join(
        number(middle([trial.score for trial in row if trial.score is not None])) for row in rows
    )
    seeds = f"{len(effect.by_seed)} {'fresh ' * fresh}seed{'s' * (len(effect.by_seed) != 1)}"
    told = f"the final loss is {_effect(effect)} over {seeds}: {losses}. {others}"
    if doubt:
        words = f"Not proven: {doubt}. The best remedy is {_named(best)}; with it, {told}"
        if default.effect is not None and default.effect.median > best.effect.median:
            words += f" To apply the default fix, type: {default.command}"
    else:
        words = f"Proven on this run: {_named(best)} helps. With it, {told}"
    return RemedyVerdict(
        "not proven" if doubt else "proven", best.name, words, doubt, best.command, best.code
    )


def _named(arm: Arm) -> str:
    return f"{arm.name} ({arm.change})"


def _rivals(default: Effect | None, random: Effect | None) -> list[tuple[str, Effect | None]]:
    return [("the default fix", default), ("a random fix", random)]


def _others(default: Effect | None, random: Effect | None) -> str:
    told = [
        f"with {name} it is {_effect(e)}" for name, e in _rivals(default, random) if e is not None
    ]
    words = ", ".join(told)
    return (
        f"{words[0].upper()}{words[1:]}." if words else "There is no other fix to compare it with."
    )


def _effect(effect: Effect) -> str:
    """``0.31 lower (0.28 to 0.4)``."""
    if effect.median == math.inf:
        return "finite where it was not"
    if effect.median == -math.inf:
        return "no longer finite"
    if effect.median == 0:
        return "the same"
    side, sign = ("lower", 1) if effect.median > 0 else ("higher", -1)
    words = f"{abs(effect.median):.3g} {side}"
    if len(effect.by_seed) == 1:
        return words
    low, high = sorted((sign * effect.low, sign * effect.high))
    return f"{words} ({low:.3g} to {high:.3g})"
