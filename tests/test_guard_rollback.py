"""Going back: everything is as it was at a good snapshot, and the batch that did it is not met."""

import copy
import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer, lr_scheduler

from backsight.errors import SettingError
from backsight.guard import BackOff, Guard, Intervention, LateMomentum, Policy, Rollback, Skip
from tests.guarded import Data, drive, everything, nan_at, net, same, sgd, train

BAD = (33, 34, 35)


def adam(model: nn.Module) -> Optimizer:
    return torch.optim.Adam(model.parameters(), lr=0.01)


def momentum(model: nn.Module) -> Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.002, momentum=0.9)


@pytest.mark.parametrize("make", [adam, momentum], ids=["Adam", "momentum"])
def test_everything_is_as_it_was(make: Any) -> None:
    """Weights, buffers, optimizer with its counters, schedule with its rates, data, random numbers.

    The oracle is a copy of all of it that the test takes at the step of the snapshot.
    """
    model = net()
    optimizer = make(model)
    schedule = lr_scheduler.ExponentialLR(optimizer, 0.95)
    data = Data()
    guard = Guard(model, optimizer, Rollback(), Skip(), snapshot_every=10,
                  extra_state={"data": data, "schedule": schedule})  # fmt: skip
    kept: dict[str, Any] = {}

    def whole() -> dict[str, Any]:
        return {
            **everything(model, optimizer),
            "schedule": copy.deepcopy(schedule.state_dict()),
            "place": data.place,
        }

    def before(*_: Any) -> None:
        kept[f"{guard.iteration - 1}"] = whole()

    handle = optimizer.register_step_pre_hook(before)  # nothing was moved by then
    train(
        model, optimizer, guard, 33, data=data, spoil=nan_at(*BAD), each=lambda _: schedule.step()
    )
    handle.remove()
    assert guard.interventions == []
    train(model, optimizer, guard, 3, data=data, spoil=nan_at(*BAD))
    assert [act.policy for act in guard.interventions] == ["skip", "skip", "rollback"]
    act = guard.interventions[-1]
    assert (act.iteration, act.after) == (35.0, 20.0)  # not the one of 30: too near
    assert same(whole(), kept["20"])
    assert guard.learning_rate.factor == 0.5


def test_buffers_of_what_was_learned_go_back_to_nothing_at_the_start() -> None:
    """At the first step an optimizer has no state: nor has it after going back there."""
    model = net()
    optimizer = adam(model)
    start = everything(model, optimizer)
    guard = Guard(model, optimizer, Rollback(), Skip())
    weights = {n: p.detach().clone() for n, p in model.named_parameters()}
    train(model, optimizer, guard, 8, spoil=nan_at(5, 6, 7))
    assert guard.interventions[-1].after == 0
    assert same(dict(model.named_parameters()), weights)
    assert same(optimizer.state_dict()["state"], start["optimizer"]["state"])


def test_the_batches_that_did_it_are_passed_over() -> None:
    model = net()
    optimizer = adam(model)
    data = Data()
    guard = Guard(
        model, optimizer, Rollback(), Skip(), snapshot_every=10, extra_state={"data": data}
    )
    used = train(model, optimizer, guard, 80, data=data, spoil=nan_at(*BAD))
    assert [act.policy for act in guard.interventions] == ["skip", "skip", "rollback"]
    back = used.index(35) + 1
    assert used[:back] == list(range(36))
    assert used[back] == 21  # what came after the batch that the snapshot had before it
    assert not set(used[back:]) & set(BAD)
    assert used[back:] == [n for n in range(21, 21 + len(used) - back + 40) if n in used[back:]]
    left_out = set(range(21, used[-1])) - set(used[back:])
    assert left_out <= set(range(26, 36)), "only what came just before, and those themselves"


def test_without_data_it_goes_on_with_new_batches_and_random_numbers() -> None:
    model = net()
    optimizer = adam(model)
    guard = Guard(model, optimizer, Rollback(), Skip(), snapshot_every=10)
    data = Data()
    random: list[Tensor] = []
    used = train(model, optimizer, guard, 40, data=data, spoil=nan_at(*BAD),
                 each=lambda _: random.append(torch.get_rng_state()))  # fmt: skip
    assert used == list(range(40))
    assert not any(torch.equal(random[35], earlier) for earlier in random[:35])


def test_a_schedule_that_does_not_go_back_keeps_its_rate() -> None:
    model = net()
    optimizer = adam(model)
    schedule = lr_scheduler.ExponentialLR(optimizer, 0.9)
    guard = Guard(model, optimizer, Rollback(), Skip(), snapshot_every=10)
    train(model, optimizer, guard, 40, spoil=nan_at(*BAD), each=lambda _: schedule.step())
    assert guard.interventions
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01 * 0.9**40)


def test_three_bad_batches_in_a_row_go_back_and_two_do_not() -> None:
    for count, expected in ((2, ["skip"] * 2), (3, ["skip"] * 2 + ["rollback"])):
        model = net()
        guard = Guard(model, adam(model), Rollback(), Skip())
        drive(guard, [1.0] * 30 + [math.nan] * count + [1.0] * 5)
        assert [act.policy for act in guard.interventions] == expected


def test_momentum_is_emptied_where_it_led_astray() -> None:
    for make, name in ((adam, "exp_avg"), (momentum, "momentum_buffer")):
        model = net()
        optimizer = make(model)
        policies: list[Policy] = [Rollback(), Skip(), LateMomentum(steps=0, pause=10)]
        guard = Guard(model, optimizer, *policies, snapshot_every=10)
        train(model, optimizer, guard, 36, spoil=nan_at(*BAD))
        assert (
            guard.interventions[-1].policy == "rollback"
            or guard.interventions[-2].policy == "rollback"
        )
        for state in optimizer.state.values():
            buffer = state.get(name)
            assert buffer is None or not bool(buffer.any())
            if name == "exp_avg":
                assert bool(state["exp_avg_sq"].any())
        assert guard.learning_rate.momentum_off
        start = guard.iteration
        train(model, optimizer, guard, 30, data=Data())
        back_on = [
            a.iteration for a in guard.interventions if a.policy == "momentum" and a.after == 1
        ]
        assert back_on == [start + 10]


def test_momentum_is_off_at_first_and_on_afterwards() -> None:
    model = net()
    optimizer = momentum(model)
    guard = Guard(model, optimizer, LateMomentum(steps=7))
    seen: list[float] = []
    optimizer.register_step_pre_hook(lambda o, *_: seen.append(o.param_groups[0]["momentum"]))
    train(model, optimizer, guard, 12)
    assert seen == [0.0] * 7 + [0.9] * 5
    assert [(a.iteration, a.before, a.after) for a in guard.interventions] == [
        (0, 1.0, 0.0),
        (7, 0.0, 1.0),
    ]


@pytest.mark.parametrize(("memory", "expected"), [(1 << 30, 3), (1, 1)])
def test_snapshots_are_bounded_in_number_and_bytes(memory: int, expected: int) -> None:
    model = net()
    guard = Guard(
        model, adam(model), Skip(), snapshots=3, snapshot_every=5, max_snapshot_bytes=memory
    )
    drive(guard, [0.98**n for n in range(60)])
    taken = [snapshot["iteration"] for snapshot in guard.snapshots.taken]
    assert taken == [45, 50, 55][-expected:]


def test_bytes_are_counted_with_the_optimizer() -> None:
    """Adam keeps two more of everything, and a counter a tensor."""
    model = nn.Linear(10, 10, bias=False)
    held = 3 * 4 * 100 + 4
    for memory, expected in ((2 * held, 2), (2 * held - 1, 1)):
        guard = Guard(model, adam(model), Skip(), snapshot_every=5, max_snapshot_bytes=memory)
        drive(guard, [1.0] * 40)
        assert len(guard.snapshots.taken) == expected


def test_no_snapshot_is_taken_in_trouble() -> None:
    model = net()
    guard = Guard(model, adam(model), Skip(), snapshot_every=10)
    drive(guard, [1.0] * 18 + [math.nan] * 3 + [1.0] * 30)
    taken = [snapshot["iteration"] for snapshot in guard.snapshots.taken]
    assert 20 not in taken
    assert 30 not in taken or 30 - 20 >= 10
    assert taken[-1] in (40, 50)


def test_a_snapshot_is_a_copy() -> None:
    model = net()
    optimizer = adam(model)
    guard = Guard(model, optimizer, Skip(), snapshot_every=5)
    train(model, optimizer, guard, 16)
    before = copy.deepcopy(guard.snapshots.state_dict())
    train(model, optimizer, guard, 3)
    assert same(guard.snapshots.state_dict(), before)


def test_every_rate_is_lowered_and_comes_back_slowly() -> None:
    """Down at once, up in many steps, never beyond what there was, and told."""
    model = net()
    optimizer = adam(model)
    guard = Guard(model, optimizer, Rollback(), Skip(), BackOff(calm=20))
    drive(guard, [1.0] * 30 + [math.nan] * 3)
    factors = []
    for n in range(400):
        drive(guard, [0.99**n])
        factors.append(guard.learning_rate.factor)
    assert factors[0] == 0.5
    rises = [b / a for a, b in pairwise(factors)]
    assert all(1 <= rise <= 2 ** (1 / 20) + 1e-9 for rise in rises)
    assert max(factors) <= 1.0
    assert factors[-1] > 0.9
    done = {act.policy for act in guard.interventions}
    assert done <= {"skip", "rollback", "backoff"}


def test_acts_tell_what_was_done_in_words() -> None:
    model = net()
    heard: list[Intervention] = []
    guard = Guard(model, adam(model), Rollback(), Skip(), snapshot_every=10)
    guard.tell = heard.append
    drive(guard, [1.0] * 25 + [math.nan] * 3)
    assert heard == guard.interventions
    assert heard[-1].message == "rollback: iteration of the weights 27 → 10 (the loss is nan)"
    assert heard[-1].as_dict()["cause"] == "the loss is nan"


def test_what_cannot_go_back_is_refused_at_once() -> None:
    model = nn.Linear(2, 2)
    with pytest.raises(
        SettingError,
        match="expects objects with state_dict and load_state_dict, but 'data' is 3",
    ):
        Guard(model, torch.optim.SGD(model.parameters(), 0.1), extra_state={"data": 3})  # type: ignore[dict-item]


def test_what_no_loss_tells_is_found_where_a_snapshot_is_due() -> None:
    """A second moment that is infinite keeps its weight where it is, and nothing else shows it."""
    model = net()
    optimizer = adam(model)
    guard = Guard(model, optimizer, Rollback(), Skip(), snapshot_every=10)
    weight = model.get_parameter("rnn.weight_hh_l0")

    def infinite(step: int) -> None:
        if step == 33:
            optimizer.state[weight]["exp_avg_sq"][0, 0] = math.inf

    train(model, optimizer, guard, 41, each=infinite)
    (act,) = guard.interventions
    assert (act.iteration, act.after) == (40, 30.0)
    assert act.cause == "the optimizer's exp_avg_sq of rnn.weight_hh_l0 is not finite"
    assert bool(torch.isfinite(optimizer.state[weight]["exp_avg_sq"]).all())
    assert guard.learning_rate.factor == 1.0  # the rate has not done it
    train(model, optimizer, guard, 20)
    assert len(guard.interventions) == 1


def test_what_has_always_been_infinite_is_no_fault() -> None:
    """Minus infinity in a parameter, as a mask that nobody trains."""
    model = net()
    model.get_parameter("unused").data.fill_(-math.inf)
    optimizer = adam(model)
    guard = Guard(model, optimizer, Rollback(), Skip(), snapshot_every=10)
    train(model, optimizer, guard, 41)
    assert guard.interventions == []
    assert guard.newest_snapshot == 40


# -- whose fault it was ----------------------------------------------------------------------

BROKEN = [math.nan] * 3


def test_what_nothing_announced_leaves_the_rate_as_it_is_once() -> None:
    model = net()
    guard = Guard(model, sgd(model, 1e-5), Rollback(), Skip(), snapshot_every=10)
    drive(guard, [1.0] * 60 + BROKEN)
    assert guard.interventions[-1].policy == "rollback"
    assert guard.learning_rate.factor == 1.0
    drive(guard, [1.0] * 60 + BROKEN)
    assert guard.learning_rate.factor < 1.0, "it came again: it may be the rate after all"


def test_what_a_growing_gradient_announced_lowers_the_rate() -> None:
    model = net()
    guard = Guard(model, sgd(model, 1e-5), Rollback(), Skip(), snapshot_every=10)
    drive(guard, [1.0] * 60 + BROKEN, [0.1] * 57 + [0.4, 1.0, 3.0] + [0.1] * 3)
    assert guard.interventions[-1].policy == "rollback"
    assert guard.learning_rate.factor == 0.5


def test_a_rate_goes_down_again_while_the_loss_rises_and_no_further_than_it_was() -> None:
    """And comes back when the loss no longer rises."""
    model = net()
    guard = Guard(model, sgd(model, 1e-5), BackOff(calm=40))
    drive(guard, [1.0] * 30 + [5.0])
    lowest = guard.learning_rate.factor
    drive(guard, [1.0] * 55)
    highest = guard.learning_rate.factor
    assert lowest == 0.5 < highest < 1.0
    factors = []
    for n in range(48):  # slow enough to be no spike
        drive(guard, [1.0 + 0.008 * n])
        factors.append(guard.learning_rate.factor)
    assert factors[-1] == lowest
    assert min(factors) == lowest
    drive(guard, [1.376] * 160)
    assert guard.learning_rate.factor == 1.0
    assert [act.iteration for act in guard.interventions] == [30], "these are no acts"


@pytest.mark.parametrize(("high", "ceiling"), [(False, 1.0), (True, 0.7)])
def test_a_spike_is_not_the_batchs_where_the_first_steps_had_spoken_against_the_rate(
    high: bool, ceiling: float
) -> None:
    model = net()
    guard = Guard(model, sgd(model, 1e-5), BackOff())
    first = [0.1, 0.1, 5.0] if high else [0.1] * 3
    drive(guard, [1.0] * 3, first)
    drive(guard, [1.0] * 400)
    assert guard.learning_rate.factor == 1.0
    assert len(guard.interventions) == high
    drive(guard, [5.0])
    assert guard.interventions[-1].iteration == 403
    assert guard.learning_rate.ceiling == ceiling


def test_what_is_new_is_saved_only_where_there_is_something_to_remember() -> None:
    """States without it are those of before; and one that has it gives it back."""
    model = net()
    guard, other = (Guard(model, sgd(model, 1e-5), BackOff()) for _ in range(2))
    assert "low" not in guard.state_dict()["rate"]
    assert "_high" not in guard.state_dict()["policies"]["backoff"]
    drive(guard, [1.0] * 60, [0.1, 0.1, 5.0, *[0.1] * 57])
    state = guard.state_dict()
    assert state["rate"]["low"] == 0.3 < state["rate"]["factor"]
    assert state["policies"]["backoff"]["_high"] is True
    other.load_state_dict(state)
    assert other.learning_rate.low == 0.3
    assert same(other.state_dict(), state)
