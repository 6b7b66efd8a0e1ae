"""What a run learns, in words: the unit of its loss, what was to beat, and whether it was."""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from backsight.report._numbers import number
from backsight.signals import spell
from backsight.tasks import Criterion

__all__ = [
    "is_memory", "loss_unit", "memory_goal", "memory_learning", "memory_task", "memory_tiles",
    "memory_validation", "memory_verdict", "solved", "text_learning", "wrong",
]  # fmt: skip

MARGIN = 0.05
"""Of a baseline: a loss must be that much below it to have beaten it. Held-out sequences are a
sample: of 2,000, the standard error of adding's constant answer is 2.6 % of its loss.
"""

SetupFacts = Mapping[str, Any]
"""What the trainer noted of model and data before it began."""


def is_memory(facts: SetupFacts) -> bool:
    """Whether it is a memory task of the lab."""
    return "lag" in facts and "memoryless" in facts.get("baselines", {})


def loss_unit(facts: SetupFacts) -> str:
    """``nats per character``, ``nats per answer``, ``mean squared error``; else empty."""
    if is_memory(facts):
        return "mean squared error" if facts["kind"] == "value" else "nats per answer"
    return "nats per character" if facts else ""


def text_learning(loss: float, baselines: Mapping[str, float] | None) -> str:
    """How a loss in nats per character compares with counting, without a full stop."""
    text = f"{loss:.3f} nats ({loss / math.log(2):.3f} bits) per character"
    if not baselines:
        return text
    unigram, bigram = baselines["unigram"], baselines["bigram"]
    if loss < bigram:
        verdict = "the model is better than both: it uses more context than the previous character"
    elif loss < unigram:
        verdict = (
            "the model is no better than counting pairs: it has learned less than the previous "
            "character tells"
        )
    else:
        verdict = "the model has not even learned which characters are frequent"
    return (
        f"{text}. On the same text, counting characters gives {unigram:.3f} nats per character and "
        f"counting pairs of characters {bigram:.3f}; {verdict}"
    )


def memory_task(facts: SetupFacts) -> str:
    """What the task is: ``the order task in sequences of 30 steps, which needs …``."""
    return (
        f"{facts['origin']} in sequences of {facts['length']} steps, which needs a memory of at "
        f"least {_steps(facts['lag'])}"
    )


def memory_goal(facts: SetupFacts) -> str:
    """What is to beat, before it begins."""
    baselines = facts["baselines"]
    goal = f"to beat: {_amount(facts, baselines['memoryless'])} by guessing without memory"
    near = baselines.get("short memory")
    if near:
        goal += f", {number(near)} by a memory of fewer than {facts['lag']} steps"
    criterion = _criterion(facts)
    return f"{goal}; solved means {criterion.statement}" if criterion else goal


def memory_learning(facts: SetupFacts, loss: float, error: float | None) -> str:
    """How a loss compares with guessing, without a full stop."""
    baselines, lag = facts["baselines"], facts["lag"]
    guess, near = baselines["memoryless"], baselines.get("short memory")
    text = _amount(facts, loss)
    if error is not None:
        text += f", with {wrong(error)} of the answers {_fault(facts)}"
    text += f". Guessing without memory gives {number(guess)}; "
    if loss > (1 + MARGIN) * guess:
        return f"{text}the model is worse than that"
    if loss > (1 - MARGIN) * guess:
        return f"{text}the model is no better than that: it has not learned to remember"
    if near is not None and loss > (1 - MARGIN) * near:
        return (
            f"{text}the model is better than that, but no better than a memory of fewer than "
            f"{_steps(lag)} ({number(near)}): it has not learned to use what lies further back"
        )
    return (
        f"{text}the model is better than that: it remembers what lies at least {_steps(lag)} back"
    )


def memory_validation(facts: SetupFacts, scores: Mapping[str, float]) -> str:
    """The scores of a validation."""
    text = _amount(facts, scores["val_loss"])
    if "val_error" in scores:
        text += f", {wrong(scores['val_error'])} {_fault(facts)}"
    done = solved(facts, scores.get("val_sequence_error"))
    return f"{text}: solved" if done else text


def solved(facts: SetupFacts, failed: float | None) -> bool | None:
    """Whether a share of wrong sequences meets the task's criterion; None where it is unknown."""
    criterion = _criterion(facts)
    if criterion is None or failed is None:
        return None
    return criterion.met(failed)


def memory_verdict(facts: SetupFacts, failed: float | None) -> str:
    """Whether the task is solved, by whose word, on how many sequences; empty if unknown."""
    criterion = _criterion(facts)
    if criterion is None or failed is None:
        return ""
    verdict = "solved" if criterion.met(failed) else "not solved"
    count = facts.get("validation_sequences")
    held_out = f"{count:,} held-out" if count else "the held-out"
    return (
        f"The task is {verdict}: {wrong(failed)} of {held_out} "
        f"sequences are wrong, and solved means {criterion.statement} ({criterion.source})."
    )


def memory_tiles(
    facts: SetupFacts, loss: float, error: float | None, failed: float | None = None
) -> list[tuple[str, str, str]]:
    """The numbers to see first: value, what it is, a note."""
    guess = facts["baselines"]["memoryless"]
    tiles = [(number(loss), loss_unit(facts), "validation")]
    if error is not None:
        value = facts["kind"] == "value"
        tiles.append((wrong(error), _fault(facts) if value else "wrong answers", "validation"))
    done, criterion = solved(facts, failed), _criterion(facts)
    if criterion is not None and done is not None:
        tiles.append(("yes" if done else "no", "solved", criterion.statement))
    beaten = "beaten" if loss < (1 - MARGIN) * guess else "not beaten"
    tiles.append((number(guess), "guessing without memory", f"for comparison: {beaten}"))
    return tiles


def wrong(error: float) -> str:
    """A share in percent; what is not none and not all is never rounded to that."""
    if not math.isfinite(error):
        return spell(error)
    percent = f"{100 * error:.1f}"
    if percent == "0.0" and error > 0:
        return "under 0.1 %"
    if percent == "100.0" and error < 1:
        return "over 99.9 %"
    return f"{percent} %"


def _amount(facts: SetupFacts, loss: float) -> str:
    if facts["kind"] == "value":
        return f"a mean squared error of {number(loss)}"
    return f"{number(loss)} nats per answer"


def _criterion(facts: SetupFacts) -> Criterion | None:
    told = facts.get("criterion")
    if told is None:
        return None
    known = {field.name for field in fields(Criterion)}  # a later version may tell more
    return Criterion(**{name: value for name, value in told.items() if name in known})


def _fault(facts: SetupFacts) -> str:
    """What an answer is that val_error counts."""
    criterion = _criterion(facts)
    if criterion is None or criterion.tolerance is None:
        return "wrong"
    return f"off by {criterion.tolerance:g} or more"


def _steps(count: int) -> str:
    return f"{count} step{'s' * (count != 1)}"
