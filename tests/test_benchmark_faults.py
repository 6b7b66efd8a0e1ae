"""What the faults of ``benchmarks.guard.faults`` do, and how a run is judged afterwards."""

import math
import struct
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks.guard._fault_kinds import FAULTS, Touched
from benchmarks.guard._fault_runs import Ended, Perceptron, Recurrent

BY_NAME = {fault.name: fault for fault in FAULTS}


def touched(net: nn.Module | None = None) -> Touched:
    """After one step of Adam."""
    torch.manual_seed(0)
    net = Perceptron() if net is None else net
    optimizer = torch.optim.Adam(net.parameters(), lr=0.25)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return Touched(net, optimizer, old=[3 * torch.ones_like(p) for p in net.parameters()], lr=0.25)


def bits(value: float) -> int:
    (found,) = struct.unpack("<I", struct.pack("<f", value))
    return int(found)


def test_each_kind_has_a_name_of_its_own_and_something_to_do() -> None:
    assert len(BY_NAME) == len(FAULTS) >= 18
    for fault in FAULTS:
        assert next(iter(fault.steps)) == 0
        assert any((fault.state, fault.data, fault.loss, fault.gradient)), fault.name


@pytest.mark.parametrize("net", [Perceptron, lambda: Recurrent(nn.LSTM), lambda: Recurrent(nn.GRU)])
def test_the_hidden_matrix_and_the_last_layer_are_found(net: Any) -> None:
    at = touched(net())
    assert at.matrix.dim() == 2
    assert at.matrix.shape[1] in (16, 32)
    assert [p.shape[0] for p in at.layer] == [1, 1]


def test_a_flipped_exponent_bit_makes_a_weight_enormous_and_one_alone() -> None:
    at = touched()
    before = at.matrix.detach().clone()
    assert BY_NAME["weight: largest exponent bit flipped"].state is not None
    BY_NAME["weight: largest exponent bit flipped"].state(at)
    (place,) = (at.matrix != before).view(-1).nonzero()
    old, new = before.view(-1)[place].item(), at.matrix.detach().view(-1)[place].item()
    assert bits(old) ^ bits(new) == 1 << 30
    assert abs(new) > 1e30


def test_what_adam_remembers_is_changed_in_one_place() -> None:
    for name, what in (
        ("Adam's first moment: NaN", "exp_avg"),
        ("Adam's second moment: infinite", "exp_avg_sq"),
        ("Adam's step count: NaN", "step"),
    ):
        at = touched()
        change = BY_NAME[name].state
        assert change is not None
        change(at)
        state = at.optimizer.state[at.matrix]
        wrong = {n for n, value in state.items() if not bool(torch.isfinite(value).all())}
        assert wrong == {what}
        assert int((~torch.isfinite(state[what])).sum()) == 1


def test_a_rate_for_one_step_is_as_it_was_in_the_next() -> None:
    at = touched()
    fault = BY_NAME["learning rate 1e6, one step"]
    assert fault.state is not None
    seen = []
    for _ in fault.steps:
        fault.state(at)
        seen.append(at.optimizer.param_groups[0]["lr"])
    assert seen == [1e6, 0.25]


def test_a_stale_worker_is_half_of_the_gradient() -> None:
    at = touched()
    at.scale = 2.0  # of a loss scaler: gradients of 1 stand for 1/2, and 3 becomes 6
    fault = BY_NAME["a worker's gradient stale, 20 steps"]
    assert fault.gradient is not None
    fault.gradient(at)
    assert at.matrix.grad is not None
    assert torch.equal(at.matrix.grad, torch.full_like(at.matrix, 3.5))


def test_a_run_has_recovered_if_it_is_finite_and_no_worse_than_before() -> None:
    good = Ended(before=1.0, after=1.1, finite=True, raised="", acts=0, weights=b"")
    assert good.recovered
    assert not replace(good, after=1.2).recovered
    assert not replace(good, after=math.inf).recovered
    assert not replace(good, finite=False).recovered
    assert not replace(good, raised="GuardError: …").recovered
