"""Recall, precision, false alarms and lead, from what was said of labelled runs."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.diagnosis._collection import Labelled
from benchmarks.diagnosis._outcomes import HEALTHY, KINDS, Kind
from benchmarks.diagnosis._peers import CLAIMS, Claim

__all__ = ["Said", "by_kind", "by_question", "false_alarms", "leads", "macro"]


@dataclass(frozen=True)
class Said:
    """What was said of one run."""

    run: Labelled
    alarms: tuple[tuple[str, int], ...]
    """Codes of findings of severity error or warning, with their iterations, each once a place."""
    peers: tuple[int | None, ...] = ()
    """The first alarm of each of ``PEERS``."""
    notes: frozenset[str] = frozenset()
    """Codes of findings of severity info."""

    @property
    def codes(self) -> frozenset[str]:
        """What was ever found, whether it was over later or not."""
        return frozenset(code for code, _ in self.alarms)

    def tells(self, kind: Kind) -> bool:
        """Whether any code tells that failure; in a note, where that is grave enough."""
        return bool(self.codes & kind.told_by or self.notes & kind.noted)


@dataclass(frozen=True)
class Score:
    """How well one question was answered."""

    runs: int
    found: int
    wrong: int
    """Runs of which it was said and is not true."""

    @property
    def recall(self) -> float:
        """Of the runs of which it is true."""
        return self.found / self.runs if self.runs else math.nan

    @property
    def precision(self) -> float:
        """Of the runs of which it was said; NaN where it never was."""
        return self.found / (self.found + self.wrong) if self.found + self.wrong else math.nan

    @property
    def f1(self) -> float:
        """2PR/(P+R); 0 where nothing was found."""
        total = 2 * self.found + self.wrong + (self.runs - self.found)
        return 2 * self.found / total if total else math.nan

    def row(self) -> dict[str, Any]:
        """For a table."""
        return {
            "runs": self.runs,
            "found": self.found,
            "wrongly": self.wrong,
            "recall": self.recall,
            "precision": self.precision,
            "F1": self.f1,
        }


def by_kind(said: Sequence[Said]) -> dict[str, Score]:
    """One score a kind of failure.

    Found: any code that tells it, as a note if no more is right. Wrongly: a code of its own of a
    run of which that code is not true, neither as its failure nor as a consequence of it.
    """
    scores = {}
    for name, kind in KINDS.items():
        if name == HEALTHY:
            continue
        sick = [one for one in said if one.run.kind == name]
        wrong = sum(bool((one.codes & kind.own) - one.run.true) for one in said)
        scores[name] = Score(len(sick), sum(one.tells(kind) for one in sick), wrong)
    return scores


def macro(scores: Iterable[Score]) -> dict[str, float]:
    """Means over kinds; a kind that was never spoken of has no precision."""
    scores = [score for score in scores if score.runs]
    precisions = [s.precision for s in scores if not math.isnan(s.precision)]
    return {
        "recall": statistics.fmean(s.recall for s in scores),
        "precision": statistics.fmean(precisions) if precisions else math.nan,
        "F1": statistics.fmean(s.f1 for s in scores),
    }


def by_question(said: Sequence[Said], claim: str, spoke: Callable[[Said], bool]) -> Score:
    """The score of one coarse question, for a rule of another tool or for ours together."""
    about: Claim = CLAIMS[claim]
    sick = [one for one in said if one.run.kind in about.of]
    right = about.of | about.also
    wrong = sum(spoke(one) for one in said if one.run.kind not in right)
    return Score(len(sick), sum(map(spoke, sick)), wrong)


def false_alarms(said: Sequence[Said], count: Callable[[Said], int]) -> tuple[int, int, float]:
    """Alarms in healthy runs, their iterations, and alarms in 10,000 iterations."""
    healthy = [one for one in said if one.run.healthy]
    alarms = sum(map(count, healthy))
    iterations = sum(one.run.iterations for one in healthy)
    return alarms, iterations, 1e4 * alarms / iterations if iterations else math.nan


def wrong_alarms(one: Said) -> int:
    """Ours, in a healthy run: all that is not true of it."""
    return sum(code not in one.run.true for code, _ in one.alarms)


def leads(said: Sequence[Said]) -> list[int]:
    """Iterations from our first true finding to the collapse, 0 for none, of what builds up."""
    found = []
    for one in said:
        run = one.run
        if run.builds_up and run.collapsed_at is not None:
            before = [at for code, at in one.alarms if code in run.true and at < run.collapsed_at]
            found.append(run.collapsed_at - min(before) if before else 0)
    return found
