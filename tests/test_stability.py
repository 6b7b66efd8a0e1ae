"""The formulas of stability that rules and guard share, on series whose answer is known by hand."""

import math
from dataclasses import fields

import pytest

from backsight.diagnosis import LossHistory, StabilityTracker
from backsight.diagnosis.stability import (
    FAST,
    SLOW,
    divergence_limit,
    first_non_finite,
    learning_bar,
    rise_above_usual,
)


def history(*losses: float) -> LossHistory:
    """Of these losses, one an iteration."""
    found = LossHistory()
    for iteration, loss in enumerate(losses):
        found.add(iteration, loss)
    return found


# -- spike -----------------------------------------------------------------------------------


def test_a_rise_is_measured_from_the_median_of_the_losses_before() -> None:
    """Fallen from 4 to 1, without noise: 3 are learned, the least spread is 1 % of the level."""
    seen = history(*[4.0] * 20, *[1.0] * 50, 3.0)
    found = rise_above_usual(seen, 3.0, share=0.3, least=0.1, floor=1000)
    assert found is not None
    assert (found.usual, found.height, found.worth) == (1.0, 2.0, 3.0)
    assert found.spread == found.least == 0.01
    by_twenty = rise_above_usual(seen, 3.0, share=0.3, least=0.1, floor=20)
    assert by_twenty is not None
    assert by_twenty.spread == 3 / 20


def test_the_spread_is_that_of_the_last_losses_where_it_is_larger() -> None:
    """Half of the losses at 0.9, half at 1.1: a median absolute deviation of 0.1."""
    seen = history(*[4.0] * 20, *[0.9, 1.1] * 30, 3.0)
    found = rise_above_usual(seen, 3.0, share=0.3, least=0.1, floor=1000)
    assert found is not None
    assert found.spread == pytest.approx(1.4826 * 0.1)
    assert found.least == pytest.approx(1.4826 * 0.1 / 2)


@pytest.mark.parametrize(("loss", "tells"), [(1.0, False), (1.89, False), (1.91, True)])
def test_what_costs_little_of_what_was_learned_is_no_rise(loss: float, tells: bool) -> None:
    seen = history(*[4.0] * 20, *[1.0] * 50, loss)
    found = rise_above_usual(seen, loss, share=0.3, least=0.1, floor=1000)
    assert (found is not None) is tells


def test_a_handful_of_losses_says_little_of_what_is_usual() -> None:
    seen = history(2.0, 2.0, 2.0, 2.0, 8.0)
    found = rise_above_usual(seen, 8.0, share=0.3, least=0.1, floor=1000)
    assert found is not None
    assert found.spread == found.worth == 0.1 * 2.0


def test_a_loss_that_begins_at_nothing_has_learned_nothing() -> None:
    found = rise_above_usual(history(*[0.0] * 30, 1.0), 1.0, share=0.3, least=0.1, floor=20)
    assert found is not None
    assert (found.worth, found.spread, found.height) == (0.0, 0.0, 1.0)


# -- collapse, divergence, not finite --------------------------------------------------------


def test_learning_is_more_than_a_share_of_where_it_began_and_more_than_noise() -> None:
    quiet = history(*[-4.0] * 40)
    assert learning_bar(quiet, 0.2) == 0.8
    noisy = history(*[1.0, 3.0] * 20)
    assert noisy.noise == pytest.approx(1.4826)
    assert learning_bar(noisy, 0.2) == pytest.approx(2 * 3 * 1.25 * 1.4826 / math.sqrt(20))


@pytest.mark.parametrize(
    ("began", "noise", "limit"), [(2.0, 0.0, 3.0), (2.0, 1.0, 8.0), (-2.0, 0.1, -1.0), (0, 0, 0)]
)
def test_a_divergence_is_a_share_above_where_it_began_or_beyond_its_noise(
    began: float, noise: float, limit: float
) -> None:
    assert divergence_limit(began, noise, rise=0.5, sigmas=6) == limit


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_the_first_value_that_is_not_finite(broken: float) -> None:
    named = [("input", None), ("loss", broken), ("gradient", math.nan)]
    found = first_non_finite(named)
    assert found is not None
    assert found[0] == "loss"
    assert found[1] is broken
    assert first_non_finite([("input", None), ("loss", 1e308)]) is None
    assert first_non_finite([]) is None


# -- two sets of constants -------------------------------------------------------------------


def test_a_guard_waits_no_longer_than_a_rule() -> None:
    for name in ("collapse_share", "collapse_patience", "divergence_patience"):
        assert getattr(FAST, name) < getattr(SLOW, name)
    shared = {"spike_sigmas", "spike_share", "spike_least", "collapse_least", "divergence_sigmas"}
    alike = {f.name for f in fields(FAST) if getattr(FAST, f.name) == getattr(SLOW, f.name)}
    assert alike == shared


# -- what is saved ---------------------------------------------------------------------------


def test_what_a_tracker_saves_has_the_names_that_checkpoints_have() -> None:
    """Checkpoints of before hold these: another name would make them unreadable."""
    state = StabilityTracker().state_dict()
    assert list(state) == [
        "course", "calm", "row", "ratios", "now", "first", "leap", "norm_then",
        "norm_now", "high", "lost", "spike", "length", "grace", "anew",
    ]  # fmt: skip
    assert list(state["course"]) == [
        "value", "count", "broken", "usual", "start", "noise", "level", "best", "best_at",
        "best_count", "first", "three", "deep", "now", "long",
    ]  # fmt: skip


def test_a_tracker_goes_on_from_what_it_saved() -> None:
    """In the middle of a collapse: both tell the same at the same steps."""
    losses = [2.0] * 25 + [0.2] * 40 + [1.9] * 40

    def told(tracker: StabilityTracker, begin: int, end: int) -> list[tuple[int, str, str]]:
        return [
            (n, anomaly.kind, anomaly.message)
            for n in range(begin, end)
            for anomaly in tracker.update(n, losses[n], 1.0)
        ]

    whole, part, again = StabilityTracker(), StabilityTracker(), StabilityTracker()
    expected = told(whole, 0, len(losses))
    assert {kind for _, kind, _ in expected} >= {"spike", "collapsed"}
    before = told(part, 0, 70)
    again.load_state_dict(part.state_dict())
    assert before + told(again, 70, len(losses)) == expected


# -- what announces itself -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "norms", "sudden"),
    [(60, [0.5, 1.5], True), (60, [0.1, 1.9], True), (30, [0.5, 1.5], False)],
)
def test_what_nothing_announced_is_sudden(steps: int, norms: list[float], sudden: bool) -> None:
    """Gradients as usual, and a training that has settled."""
    tracker = StabilityTracker()
    for n in range(steps):
        tracker.update(n, 2.0, norms[n % 2])
    assert not tracker.sudden
    tracker.update(steps, math.nan, 1.0)
    assert tracker.sudden is sudden


def test_what_a_growing_gradient_announced_is_not_sudden() -> None:
    tracker = StabilityTracker()
    for n in range(60):
        tracker.update(n, 2.0, 10.0 if n > 57 else 1.0)
    tracker.update(60, math.nan, 1.0)
    assert not tracker.sudden


@pytest.mark.parametrize("sudden", [False, True])
def test_a_state_keeps_whether_it_was_sudden_and_one_from_before_was_not(sudden: bool) -> None:
    tracker, other = StabilityTracker(), StabilityTracker()
    tracker.sudden, other.sudden = sudden, not sudden
    other.load_state_dict(tracker.state_dict())
    assert other.sudden is sudden
    assert ("sudden" in tracker.state_dict()) is sudden


def test_a_loss_rises_where_it_is_above_where_it_was_beyond_its_noise() -> None:
    def tracked(*losses: float) -> StabilityTracker:
        tracker = StabilityTracker()
        for n, loss in enumerate(losses):
            tracker.update(n, loss, 1.0)
        return tracker

    even = [1.0, 1.2] * 40
    assert not tracked(*even).rising
    assert not tracked(*even, *[1.15, 1.2, 1.1] * 7).rising  # less than its noise
    assert tracked(*even, *[1.5, 1.6] * 10).rising
    assert not tracked(*even, *[1.5, 1.6] * 40).rising  # it is there, and rises no more
    assert not tracked(*[1.0] * 5, *[2.0] * 5).rising  # too few
