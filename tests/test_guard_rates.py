"""A learning rate that something else has set is named and put right, and a schedule is not."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from backsight.guard import Guard, Rollback, Skip
from backsight.guard._rate_watch import RateWatch
from tests.guarded import nan_at, net, train

BAD = nan_at(33, 34, 35)
"""At the third one the guard goes back."""


def set_at(optimizer: torch.optim.Optimizer, step: int, lr: float) -> Any:
    """After that many steps something sets the rate of the first group."""

    def each(number: int) -> None:
        if number == step - 1:
            optimizer.param_groups[0]["lr"] = lr

    return each


def guarded(lr: float = 0.01) -> tuple[nn.Module, torch.optim.Optimizer, Guard]:
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), lr)
    return model, optimizer, Guard(model, optimizer, Rollback(), Skip(), snapshot_every=10)


def test_a_rate_that_jumped_is_named_and_put_right() -> None:
    model, optimizer, guard = guarded()
    train(model, optimizer, guard, 36, spoil=BAD, each=set_at(optimizer, 33, 1e6))
    assert optimizer.param_groups[0]["lr"] == 0.01
    assert guard.learning_rate.factor == 1.0  # the rate itself was not too high
    named, back = guard.interventions[-2:]
    assert (named.before, named.after, named.quantity) == (1e6, 0.01, "learning rate")
    assert named.message == (
        "rollback: learning rate 1,000,000 → 0.01 (no scheduler set it, and it was more than 100 "
        "times its highest value since the snapshot)"
    )
    assert (back.iteration, back.after) == (35, 20.0)


def test_a_rate_that_is_not_a_number_is_put_right() -> None:
    model, optimizer, guard = guarded()
    train(model, optimizer, guard, 36, spoil=BAD, each=set_at(optimizer, 33, float("nan")))
    assert optimizer.param_groups[0]["lr"] == 0.01


@pytest.mark.parametrize("lr", [0.99, 1e-9])
def test_a_rate_within_a_hundred_times_its_range_is_left_alone(lr: float) -> None:
    model, optimizer, guard = guarded()
    train(model, optimizer, guard, 36, spoil=BAD, each=set_at(optimizer, 33, lr))
    assert optimizer.param_groups[0]["lr"] == lr
    assert guard.learning_rate.factor == 0.5
    assert guard.interventions[-1].quantity == Rollback.quantity


def test_what_a_scheduler_set_is_left_alone() -> None:
    """However far it goes: that is what the user asked for."""
    model, optimizer, guard = guarded()
    schedule = lr_scheduler.LambdaLR(optimizer, lambda step: 1e6 if step >= 33 else 1.0)
    train(model, optimizer, guard, 36, spoil=BAD, each=lambda _: schedule.step())
    assert guard.interventions[-1].policy == "rollback"
    assert optimizer.param_groups[0]["lr"] == 1e4


def test_a_rate_that_held_until_a_snapshot_is_the_usual_one() -> None:
    """A script that goes on at another rate by hand; the training stays healthy."""
    model, optimizer, guard = guarded(lr=1e-9)
    train(model, optimizer, guard, 36, spoil=BAD, each=set_at(optimizer, 15, 1e-6))
    assert guard.interventions[-1].policy == "rollback"
    assert optimizer.param_groups[0]["lr"] == 1e-6


def test_a_jump_is_remembered_in_what_is_saved() -> None:
    model, optimizer, guard = guarded()
    train(model, optimizer, guard, 31, each=set_at(optimizer, 30, 1e6))
    guard.close()
    other = Guard(model, optimizer, Rollback(), Skip(), snapshot_every=10)
    other.load_state_dict(guard.state_dict())
    assert other.put_rates_right() == [(1e6, 0.01)]
    state = guard.state_dict()
    del state["rates"]  # as an earlier version saved it
    other.load_state_dict(state)
    assert other.put_rates_right() == []


def watched(*rates: float | torch.Tensor) -> tuple[torch.optim.Optimizer, RateWatch]:
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    optimizer = torch.optim.SGD(groups)
    return optimizer, RateWatch([optimizer])


def test_a_rate_that_rises_step_by_step_is_never_far() -> None:
    """Not even from 0, by a factor of 64 a step."""
    optimizer, rates = watched(0.0)
    rates.look()
    for step in range(8):
        optimizer.param_groups[0]["lr"] = 1e-9 * 64.0**step
        rates.look()
        assert rates.put_right() == []


def test_each_group_has_its_own_range_and_a_tensor_stays_one() -> None:
    tensor = torch.tensor(0.25)
    optimizer, rates = watched(1e-6, tensor, 1.0)
    rates.look()
    optimizer.param_groups[0]["lr"] = 1.0
    tensor.fill_(64.0)
    optimizer.param_groups[2]["lr"] = 64.0
    rates.look()
    optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))], "lr": 1e9})
    assert rates.put_right() == [(1.0, 1e-6), (64.0, 0.25)]
    assert optimizer.param_groups[1]["lr"] is tensor
    assert [float(group["lr"]) for group in optimizer.param_groups] == [1e-6, 0.25, 64.0, 1e9]
