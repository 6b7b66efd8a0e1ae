"""The very first steps, where a rate that is far too high shows; and sequences that grow."""

import math
import random

import pytest
import torch

from backsight.curriculum import AdaptiveLength
from backsight.diagnosis import StabilityTracker
from backsight.diagnosis.stability._tracker import FIRST, GRACE
from backsight.guard import BackOff, ClipAuto, Guard, Orthogonality
from tests.guarded import Data, drive, net, train


def kinds(tracker: StabilityTracker, losses: list[float], norms: list[float]) -> list[set[str]]:
    """Of the anomalies at each step."""
    return [
        {anomaly.kind for anomaly in tracker.update(n, loss, norm)}
        for n, (loss, norm) in enumerate(zip(losses, norms, strict=True))
    ]


@pytest.mark.parametrize(
    ("losses", "norms", "told"),
    [
        pytest.param([1.0] * 4, [1.0, 2.0, 3.0, 8.0], True, id="grows"),
        pytest.param([1.0] * 4, [1.0, 2.0, 2.1, 4.0], False, id="not far enough"),
        pytest.param([1.0, 0.95, 0.9, 0.85], [1.0, 2.0, 3.0, 8.0], False, id="the loss falls"),
        pytest.param([1.0] * 4, [1.0, 0.2, 7.0, 8.0], True, id="at once"),
        pytest.param([1.0] * 4, [1.0, 9.0, 0.1, 9.5], True, id="by the first step"),
        pytest.param([1.0] * 4, [5.0, 0.1, 0.1, 9.0], False, id="no more than the largest"),
        pytest.param([1.0] * 3, [0.0, 0.0, 0.0], False, id="no gradient"),
    ],
)
def test_a_gradient_that_grows_in_the_first_steps(
    losses: list[float], norms: list[float], told: bool
) -> None:
    assert any("overshot" in found for found in kinds(StabilityTracker(), losses, norms)) is told


def test_noise_of_single_sequences_needs_a_larger_rise() -> None:
    """Norms that vary by a factor of three from the start say less with a fourth."""
    wild = [1.0, 3.0, 0.5, 1.5, 0.4, 2.8, 0.6, 1.2]
    assert not any(kinds(StabilityTracker(), [1.0] * 8, wild)[1 + wild.index(3.0) :])
    assert "overshot" in kinds(StabilityTracker(), [1.0] * 9, [*[1.0] * 8, 7.0])[-1]


def test_later_steps_are_not_the_first() -> None:
    norms = [1.0 + 0.1 * (n % 3) for n in range(FIRST)]
    assert not any(kinds(StabilityTracker(), [1.0] * (FIRST + 1), [*norms, 5.0]))


@pytest.mark.parametrize(("together", "told"), [(0.31, True), (0.29, False), (math.nan, False)])
def test_a_first_step_as_long_as_the_weights(together: float, told: bool) -> None:
    tracker = StabilityTracker()
    tracker.update(0, 1.0, 1.0)
    tracker.stepped(0.01, together)
    assert any(t.kind == "overshot" for t in tracker.update(1, 1.0, 1.0)) is told
    assert not tracker.update(2, 1.0, 1.0)


def test_it_goes_back_to_the_beginning_at_a_third_of_the_rate() -> None:
    model, data = net(), Data()
    optimizer = torch.optim.Adam(model.parameters(), 1.0)
    guard = Guard(model, optimizer, BackOff(), extra_state={"data": data})
    begun = [p.detach().clone() for p in model.parameters()]
    train(model, optimizer, guard, 2, data=data)
    assert [(a.policy, a.before, a.after) for a in guard.interventions] == [("backoff", 1.0, 0.3)]
    assert "first step moved the weights by" in guard.interventions[0].cause
    assert all(torch.equal(a, b) for a, b in zip(begun, model.parameters(), strict=True))
    assert not any(state for state in optimizer.state.values())
    assert not guard.should_skip_batch(), "no batch is to blame"
    assert optimizer.param_groups[0]["lr"] == 1.0


def test_a_gradient_that_grows_at_any_rate_is_left_alone_in_the_end() -> None:
    model = net()
    guard = Guard(model, torch.optim.Adam(model.parameters(), 1e-9), BackOff())
    norms = [1.0, 3.0] * 9
    drive(guard, [1.0] * len(norms), norms)
    factors = [act.after for act in guard.interventions]
    assert factors == pytest.approx([0.3, 0.09, 0.027])


def test_what_a_clip_holds_is_not_begun_again() -> None:
    """With plain SGD the automatic clip bounds the step itself."""
    model = net()
    guard = Guard(model, torch.optim.SGD(model.parameters(), 10.0), BackOff(), ClipAuto())
    drive(guard, [1.0] * 4, [1.0, 2.0, 3.0, 8.0])
    assert {act.policy for act in guard.interventions} == {"auto"}
    assert guard.learning_rate.factor == 1.0


def test_what_is_added_at_every_step_is_no_clip() -> None:
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), 1.0)
    guard = Guard(model, optimizer, BackOff(), Orthogonality())
    train(model, optimizer, guard, 2)
    assert guard.tally["backoff"] == 1


def fed(
    tracker: StabilityTracker, count: int, loss: float, length: int, begin: int = 0
) -> list[str]:
    """Kinds of trouble of that many steps."""
    found: list[str] = []
    noise = random.Random(begin)
    for n in range(begin, begin + count):
        told = loss + noise.gauss(0, 0.002)
        found += [anomaly.kind for anomaly in tracker.update(n, told, 1.0, length)]
    return found


def learned() -> StabilityTracker:
    """Sequences of 20 steps: the loss has come down from 1.4 to 0.05."""
    tracker = StabilityTracker()
    for n in range(120):
        tracker.update(n, 0.05 + 1.35 * min(1.0, 0.95 ** (n - 30)), 1.0, 20)
    fed(tracker, 60, 0.05, 20, 120)
    return tracker


def test_longer_sequences_may_cost_more_for_a_while() -> None:
    assert "spike" in fed(learned(), 1, 1.2, 20, 180)
    assert not fed(learned(), GRACE, 1.2, 22, 180)


def test_a_length_that_is_never_learned_is_a_collapse() -> None:
    tracker = learned()
    assert not fed(tracker, GRACE, 1.2, 22, 180)
    assert "collapsed" in fed(tracker, 60, 1.2, 22, 180 + GRACE)


def test_grace_is_over_once_the_loss_is_back() -> None:
    tracker = learned()
    fed(tracker, 10, 0.05, 22, 180)
    assert tracker.well
    assert "spike" in fed(tracker, 1, 1.2, 22, 190)


def test_grace_does_not_cover_what_is_not_finite() -> None:
    tracker = learned()
    assert fed(tracker, 1, math.nan, 22, 180) == ["not finite"]
    assert not tracker.well


def test_another_length_altogether_is_another_task() -> None:
    """At three times the length nothing that was learned before is missed."""
    tracker = learned()
    assert not fed(tracker, GRACE + 100, 1.2, 60, 180)
    assert tracker.history.start == pytest.approx(1.2, abs=0.01)


def test_the_last_quarter_is_at_full_length() -> None:
    length = AdaptiveLength(100, 20, over=200)
    for n in range(149):
        length.step(1.4 + 0.01 * (n % 7))
    assert length.length == 20
    length.step(1.4)
    assert length.length == 100
    for _ in range(40):
        length.step(math.nan)
    assert length.length == 100


def test_a_rollback_gives_no_time_back() -> None:
    length = AdaptiveLength(100, 20, over=200)
    early = length.state_dict()
    for _ in range(100):
        length.step(1.4)
    length.load_state_dict(early)
    for _ in range(50):
        length.step(1.4)
    assert length.length == 100
    fresh = AdaptiveLength(100, 20, over=200)
    fresh.load_state_dict(length.state_dict())
    assert fresh.length == 100
