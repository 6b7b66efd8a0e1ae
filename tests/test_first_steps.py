"""First steps that overwrite the weights (BKS404): later ones look small beside what they left."""

import math

import numpy as np
import pytest

from backsight.diagnosis import Judge
from backsight.signals import Series


def told(first: float, level: float, guess: float = math.nan, losses: int = 300) -> list[str]:
    """What is found where the first step moved half of the matrices by ``first`` of their norm.

    Args:
        first: of a sample every ten iterations; the others are 0.02.
        level: to which the loss falls at once, from 2.
        guess: the loss of the best constant answer.
        losses: iterations.
    """
    sampled = np.arange(0, losses, 10)
    ratios = np.where(sampled == 0, first, 0.02)
    loss = np.where(np.arange(losses) < 10, 2.0, level + 0.01 * np.sin(np.arange(losses)))
    given = {f"update_ratio/{name}.weight": Series(sampled, ratios) for name in ("rnn", "head")}
    given["loss"] = Series(np.arange(losses), loss)
    given["guess_loss"] = Series(sampled, np.full(len(sampled), guess))
    judge = Judge()
    judge.update_many(given)
    assert not judge.failed
    return [one.message for one in judge.diagnosis().findings if one.code == "BKS404"]


def test_weights_that_the_first_step_overwrote_are_told() -> None:
    (message,) = told(2.5, level=0.8, guess=1.8)
    assert "moved half of the weight matrices by more than 2.5 times their norm" in message
    assert message.endswith("the loss is at 0.801; the best constant answer has 1.8")
    (message,) = told(2.5, level=1.2)
    assert message.endswith("it began at 2")
    (message,) = told(0.9, level=1.75, guess=1.8)
    assert "by more than 0.9 times their norm" in message


@pytest.mark.parametrize(
    "run",
    [
        {"first": 0.9, "level": 0.8},
        {"first": 0.4, "level": 1.8, "guess": 1.8},
        {"first": 2.5, "level": 0.4, "guess": 1.8},
        {"first": 2.5, "level": 0.8},
        {"first": 2.5, "level": 0.8, "losses": 150},
        {"first": 2.5, "level": -0.8},
    ],
    ids=[
        "a large part of them",
        "a part of them",
        "it has learned",
        "an unknown loss may end far above 0",
        "too early to tell",
        "no loss with a bottom",
    ],
)
def test_what_is_not_told(run: dict[str, float]) -> None:
    assert told(**run) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "lifted", "level", "found"),
    [
        (0.2, 3.5, 3.5, True),
        (0.2, 3.5, 1.8, True),
        (0.2, 2.0, 1.8, False),
        (0.2, 3.5, 1.5, False),
        (0.05, 3.5, 3.5, False),
    ],
    ids=[
        "far worse than a constant",
        "lifted at once and no better than a constant",
        "a hard task",
        "it has learned",
        "small steps",
    ],
)
def test_a_smaller_first_step_counts_where_the_loss_shows_it(
    first: float, lifted: float, level: float, found: bool
) -> None:
    sampled = np.arange(0, 300, 10)
    loss = np.full(300, level)
    loss[:3] = [2.0, lifted, lifted]
    given = {f"update_ratio/{name}.weight": Series(sampled, np.where(sampled, 0.02, first))
             for name in ("rnn", "head")}  # fmt: skip
    given["loss"] = Series(np.arange(300), loss)
    given["guess_loss"] = Series(sampled, np.full(len(sampled), 1.8))
    judge = Judge()
    judge.update_many(given)
    assert ("BKS404" in {one.code for one in judge.diagnosis().findings}) is found


@pytest.mark.parametrize(("first", "codes"), [(2.5, ["BKS404", "BKS201"]), (0.5, ["BKS201"])])
def test_what_is_not_finite_after_such_a_step_follows_from_it(
    first: float, codes: list[str]
) -> None:
    given = {
        "update_ratio/rnn.weight": Series(np.array([0, 10]), np.array([first, math.nan])),
        "loss": Series(np.arange(20), np.where(np.arange(20) < 4, 2.0, math.nan)),
    }
    judge = Judge()
    judge.update_many(given)
    found = judge.diagnosis().findings
    assert sorted(one.code for one in found) == sorted(codes)
    assert found[0].code == codes[0]


@pytest.mark.parametrize(
    ("ratio", "height", "told"), [(16, 1e9, True), (16, 9, False), (0.9, 1e9, False)]
)
def test_a_loss_that_climbs_while_a_step_replaces_one_matrix(
    ratio: float, height: float, told: bool
) -> None:
    """Half of the matrices saturate what is above them, and hardly move any more."""
    still = np.array([0.1, 0.03, math.nan])
    given = {f"update_ratio/{n}.weight": Series(np.array([0, 10, 20]), still) for n in "ab"}
    given["update_ratio/head.weight"] = Series(
        np.array([0, 10, 20]), np.array([0.2, ratio, math.nan])
    )
    loss = np.where(np.arange(20) < 8, 2.0, height)
    given["loss"] = Series(np.arange(30), np.append(loss, np.full(10, math.inf)))
    judge = Judge()
    judge.update_many(given)
    found = judge.diagnosis().findings
    assert ("BKS404" in {one.code for one in found}) is told
    assert not told or found[0].code == "BKS404"


def test_the_first_step_of_one_matrix_counts_once_the_loss_has_climbed() -> None:
    """Its ratio is finite long after the loss is not."""
    sampled = np.arange(0, 200, 10)
    given = {
        f"update_ratio/{name}.weight": Series(sampled, np.where(sampled == 0, first, 0.01))
        for name, first in (("a", 0.1), ("b", 0.1), ("head", 9.0))
    }
    given["loss"] = Series(np.arange(200), 4.0 * 8.0 ** np.arange(200))
    given["loss"].values[24:] = math.inf
    judge = Judge()
    judge.update_many(given)
    (finding,) = [one for one in judge.diagnosis().findings if one.code == "BKS404"]
    assert finding.message.startswith("one of the first steps moved a weight matrix by 9 times its")
    assert finding.resolved_at is None


@pytest.mark.parametrize(("height", "told"), [(90.0, True), (9.0, False)])
def test_a_loss_that_stays_up_since_a_step_replaced_one_matrix(height: float, told: bool) -> None:
    sampled = np.arange(0, 300, 10)
    given = {
        f"update_ratio/{name}.weight": Series(sampled, np.where(sampled == 0, first, 0.01))
        for name, first in (("a", 0.1), ("b", 0.1), ("head", 5.0))
    }
    given["loss"] = Series(np.arange(300), np.where(np.arange(300) < 4, 2.0, height))
    judge = Judge()
    judge.update_many(given)
    found = judge.diagnosis().findings
    assert ("BKS404" in {one.code for one in found}) is told
    if told:
        assert judge.diagnosis().leads[0].code == "BKS404"


def test_the_first_step_still_leads_when_later_ones_are_large_as_well() -> None:
    """The loss is back from its height then, so that it is of the newest steps that it tells."""
    sampled = np.arange(0, 400, 10)
    given = {
        f"update_ratio/{name}.weight": Series(sampled, np.where(sampled == 0, first, later))
        for name, first, later in (("a", 0.1, 0.01), ("b", 0.1, 0.2), ("head", 5.0, 0.2))
    }
    steps = np.arange(400)
    loss = np.where(steps < 4, 2.0, np.where(steps < 300, 90.0, 15.0))
    given["loss"] = Series(steps, loss)
    judge = Judge()
    judge.update_many(given)
    found = judge.diagnosis()
    assert [one.evidence["since"] for one in found.findings if one.code == "BKS404"] == [0]
    assert found.leads[0].code == "BKS404"


@pytest.mark.parametrize(
    ("ratio", "after", "told"), [(0.2, 1.8, True), (0.02, 1.8, False), (0.2, 0.3, False)]
)
def test_a_later_step_after_which_all_is_lost(ratio: float, after: float, told: bool) -> None:
    """A smaller one is not to blame; and a spike heals."""
    sampled, every = np.arange(0, 400, 10), np.arange(400)
    given = {
        f"update_ratio/{name}.weight": Series(sampled, np.where(sampled == 200, ratio, 0.01))
        for name in ("rnn", "head")
    }
    loss = np.where(every < 200, 0.05 + 1.75 * np.exp(-every / 20), after)
    given["loss"] = Series(every, np.where(every == 200, 4.0, loss + 0.01 * np.sin(every)))
    judge = Judge()
    judge.update_many(given)
    assert not judge.failed
    found = [one for one in judge.diagnosis().findings if one.code == "BKS404"]
    assert [one.message.startswith("at iteration 200, a step moved") for one in found] == [True][
        : int(told)
    ]


@pytest.mark.parametrize(
    ("ratio", "after", "told"), [(0.04, 3.0, 1), (0.04, 1.8, 0), (0.01, 3.0, 0)]
)
def test_a_fast_training_that_diverges_after_it_has_learned(
    ratio: float, after: float, told: int
) -> None:
    sampled, every = np.arange(0, 400, 10), np.arange(400)
    names = ("rnn", "head")
    given = {f"update_ratio/{n}.weight": Series(sampled, np.full(40, ratio)) for n in names}
    loss = np.where(every < 200, 0.05 + 1.75 * np.exp(-every / 20), after)
    given["loss"] = Series(every, loss + 0.01 * np.sin(every))
    judge = Judge()
    judge.update_many(given)
    found = judge.diagnosis()
    assert len([one for one in found.findings if one.code == "BKS404"]) == told
    assert not told or found.leads[0].code == "BKS404"
