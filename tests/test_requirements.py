"""What a rule says that it needs is what it takes, and what it says that there was is what was."""

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from backsight.diagnosis import RULES, Facts, Judge, Requirement, Rule
from backsight.diagnosis.rules._clipping import Clipping
from tests.test_rules import CASES, FADES, IDS, NOTHING, REACHES, Case, Series, every, items, wavy
from tests.test_rules import verdict as verdict_of

NUMBERS = re.compile(
    r"it needs (?P<count>[\d,]+) (samples?|iterations?|losses|loss)\b"
    r"(.*, (the last )?after (?P<losses>[\d,]+) loss(es)?)?"
    r"(.*\((?P<sooner>[\d,]+) (is|are) enough if )?"
    r".*; (none was recorded|there (was|were) (?P<seen>[\d,]+))"
)
PATIENCE = ("samples", "patience", "window", "past")
"""Thresholds that are numbers of iterations."""


class Said(NamedTuple):
    enough: int
    sooner: int | None
    seen: int


def read(sentence: str) -> Said:
    """The numbers of a sentence about a run in which everything is recorded in every iteration."""
    match = NUMBERS.match(sentence)
    assert match, sentence
    count, losses, sooner, seen = (
        None if word is None else int(word.replace(",", ""))
        for word in match.group("count", "losses", "sooner", "seen")
    )
    assert count is not None
    return Said(max(count, losses or 0), sooner, seen or 0)


def dense(series: Series) -> Iterator[dict[str, Any]]:
    """The values of each signal in every iteration from the first on; its last value for ever."""
    columns = {name: [v for _, v in sorted(items(values))] for name, values in series.items()}
    for i in range(2000):
        row = {name: column[min(i, len(column) - 1)] for name, column in columns.items()}
        yield {n: float(v) if np.ndim(v) == 0 else np.asarray(v, float) for n, v in row.items()}


def walk(rule: Rule, series: Series, facts: Facts | None) -> Said:
    """Feed it until it can judge; every sentence on the way is true.

    Returns:
        what it said last, with ``seen`` the iterations that it has needed in truth.
    """
    judge = Judge(facts, [rule])
    # Before the first sample a rule does not know what is known of the run.
    said = read(rule.verdict().reason.partition("; it also")[0])
    assert said.seen == 0
    for fed, values in enumerate(dense(series), 1):
        judge.update(fed - 1, values)
        (now,) = judge.diagnosis().verdicts
        if now.outcome != NOTHING:
            assert now.outcome in ("healthy", "finding")
            return said._replace(seen=fed)
        before, said = said, read(now.reason)
        assert said.seen == fed
        assert said[:2] == before[:2]  # the same is needed all the time
        assert fed < said.enough
    raise AssertionError(f"never ready, and says: {now.reason}")


def walked(case: Case, which: str, **thresholds: float) -> Said:
    (rule,) = (rule for rule in RULES if rule.code == case.code)
    return walk(rule(**thresholds), getattr(case, which), case.facts)


COUNTED = [case for case in CASES if case.code != "BKS426"]
"""Without the one that asks for iterations besides samples."""


@pytest.mark.parametrize("case", COUNTED, ids=lambda case: case.code)
def test_exactly_what_the_sentence_names_is_enough(case: Case) -> None:
    said = walked(case, "sick")
    assert said.seen == said.enough


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_less_is_enough_where_it_says_so(case: Case) -> None:
    said = walked(case, "healthy")
    assert said.seen == (said.sooner or said.enough)
    assert (said.sooner or said.enough) <= walked(case, "near").seen <= said.enough


LATER = [
    (case, name)
    for case, rule in zip(CASES, RULES, strict=True)
    for name in rule().thresholds
    if name in PATIENCE and case in COUNTED
]


@pytest.mark.some(74)
@pytest.mark.parametrize(("case", "name"), LATER, ids=[f"{c.code}-{n}" for c, n in LATER])
@pytest.mark.parametrize("change", [-1, 3])
def test_the_numbers_follow_the_thresholds(case: Case, name: str, change: int) -> None:
    (rule,) = (rule for rule in RULES if rule.code == case.code)
    value = rule().thresholds[name] + change
    said = walked(case, "sick", **{name: value})
    assert said.seen == said.enough


def test_a_threshold_changes_the_number() -> None:
    """Else the test above would hold of a constant."""
    assert str(Clipping(window=7).requirement).startswith("it needs 7 iterations")


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_run_without_its_signals_says_that_none_was_recorded(case: Case) -> None:
    for series in ({}, {"mine": [1.0] * 5}):
        reason = verdict_of(case.code, series, facts=case.facts).reason
        assert read(reason.partition("; it also")[0]).seen == 0
        assert "none was recorded" in reason


LAG = "; it also needs the memory demand of the task, which watch(…, lag=…) states"
SILENT = {"reach/rnn": every(10, [np.zeros(20)] * 60), "loss": wavy(600)}
UNCUT = "of reach in which a gradient arrives uncut"


@pytest.mark.parametrize(
    ("code", "series", "said"),
    [
        ("BKS101", {"reach/rnn": every(1, [FADES] * 60), "loss": wavy(60)},
         f"it needs 3 samples {UNCUT}, the last after 40 losses; there were 60{LAG}"),
        ("BKS101", {"reach/rnn": every(1, [FADES] * 2), "loss": wavy(600)},
         f"it needs 3 samples {UNCUT}, the last after 40 losses; there were 2, the last after "
         f"2 losses{LAG}"),
        ("BKS105", SILENT,
         f"it needs 5 samples {UNCUT}; none of the 60 recorded ones is usable"),
        ("BKS105", {"reach/rnn": every(1, [REACHES, FADES * 0, FADES * 0])},
         f"it needs 5 samples {UNCUT}; 1 of the 3 recorded ones is usable"),
        ("BKS103", {"hidden_norm/rnn": {0: [1.0, 2.0]}},
         "it needs 1 sample of hidden_norm over 8 steps or more; the one that was recorded is not "
         "usable"),
        ("BKS401", {"reach/rnn": every(1, [[1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0]])},
         "it needs 3 samples of reach in a row, cut at the same place (1 is enough if the "
         "gradient is not cut); 1 of the 2 recorded ones is usable"),
        ("BKS402", {"update_ratio/w": every(1, [0.0] * 3)},
         "it needs 1 sample of update_ratio in which a parameter moves, at a learning rate above "
         "zero; none of the 3 recorded ones is usable"),
        ("BKS403", {"grad_norm_applied": [1.0] * 200},
         "it needs 100 iterations with grad_norm_applied and a grad_norm above zero; none of the "
         "200 recorded ones is usable"),
        ("BKS404", {"update_ratio/bias": [1.0] * 9},
         "it needs 5 samples of update_ratio of a weight matrix; none of the 9 recorded ones is "
         "usable"),
        ("BKS405", {"update_ratio/w": every(10, [1e-3] * 9), "loss": wavy(3000)},
         "it needs 5 samples of update_ratio of a weight matrix, the last after 100 losses; there "
         "were 9, the last after 81 losses"),
        ("BKS202", {"loss": [math.nan] * 5 + [1.0] * 12},
         "it needs 40 losses; 12 of the 17 recorded ones are usable"),
        ("BKS301", {"reach/rnn": every(1, [FADES] * 9)},
         "it needs 1 sample of context_loss at 3 or more lengths, which monitor.context measures, "
         "or of memory after 100 losses; none was recorded"),
    ],
)  # fmt: skip
def test_what_was_recorded_and_cannot_be_used_is_told(code: str, series: Series, said: str) -> None:
    one = verdict_of(code, series)
    assert (one.outcome, one.reason) == (NOTHING, said)


def test_several_layers_are_not_added_up() -> None:
    series = {f"reach/{layer}": every(1, [FADES] * n) for layer, n in (("a", 2), ("b", 4))}
    assert verdict_of("BKS105", series).reason.endswith("; there were 4")


def test_large_numbers_have_separators_and_one_is_singular() -> None:
    one = Requirement(1_200, "loss", seen=1, recorded=1)
    assert str(one) == "it needs 1,200 losses; there was 1"
    assert str(Requirement(1, "loss")) == "it needs 1 loss; none was recorded"
