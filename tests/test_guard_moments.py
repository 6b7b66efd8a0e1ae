"""``adagc`` and ``spam`` against what their papers say, worked out by hand on small numbers."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from backsight.errors import SettingError
from backsight.guard import SPAM, AdaGC, Guard, policies_from
from tests.guarded import same


class Numbers(nn.Module):
    """Two tensors, of one and of two numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Parameter(torch.zeros(1))
        self.two = nn.Parameter(torch.zeros(2))


def step(guard: Guard, one: float | None, two: tuple[float, float]) -> list[Tensor | None]:
    """A step with these gradients; what is left of them."""
    parameters: list[Any] = list(guard.model.parameters())
    parameters[0].grad = None if one is None else torch.tensor([one])
    parameters[1].grad = torch.tensor(two)
    guard.step(1.0)
    return [p.grad for p in parameters]


def sgd(model: nn.Module) -> Optimizer:
    return torch.optim.SGD(model.parameters(), lr=1e-9)


def adam(model: nn.Module, **options: Any) -> Optimizer:
    return torch.optim.Adam(model.parameters(), lr=0.5, betas=(0.5, 0.75), eps=0.0, **options)


def test_adagc_limits_each_tensor_by_its_own_average() -> None:
    """λ = 2, β = 1/2, one step of warm-up with a global norm of 10."""
    model = Numbers()
    guard = Guard(model, sgd(model), AdaGC(times=2.0, decay=0.5, warmup=1, norm=10.0))
    one, two = step(guard, 12.0, (9.0, 12.0))  # ‖g‖² = 144 + 225 = 369
    factor = 10 / math.sqrt(369)
    assert torch.equal(one, torch.tensor([12.0]).mul_(factor))  # type: ignore[arg-type]
    policy: Any = guard.policies[0]
    assert policy._averages == pytest.approx([12 * factor, 15 * factor], rel=1e-6)

    policy._averages = [4.0, 1.0]
    one, two = step(guard, 6.0, (3.0, 4.0))  # of 6 ≤ 2·4 all is left, of 5 > 2·1 two fifths are
    assert torch.equal(one, torch.tensor([6.0]))  # type: ignore[arg-type]
    assert torch.allclose(two, torch.tensor([1.2, 1.6]))  # type: ignore[arg-type]
    assert policy._averages == pytest.approx([0.5 * 4 + 0.5 * 6, 0.5 * 1 + 0.5 * 2], rel=1e-6)
    (first, act) = guard.interventions
    assert act.before == pytest.approx(2.5)
    assert act.after == 1.0
    assert first.before == pytest.approx(math.sqrt(369) / 10)


def test_adagc_begins_with_the_smallest_norm_of_the_warm_up() -> None:
    model = Numbers()
    guard = Guard(model, sgd(model), AdaGC(warmup=3, norm=100.0))
    for size in (2.0, 0.5, 3.0):
        step(guard, size, (0.0, 2 * size))
    policy: Any = guard.policies[0]
    assert policy._averages == [0.5, 1.0]
    assert guard.interventions == []


def test_adagc_learns_nothing_from_zeros_and_what_is_missing_or_not_finite() -> None:
    """As published, a single zero in the warm-up would end a tensor's training."""
    model = Numbers()
    guard = Guard(model, sgd(model), AdaGC(times=2.0, decay=0.5, warmup=2, norm=100.0))
    policy: Any = guard.policies[0]
    step(guard, None, (0.0, 0.0))
    assert policy._averages == [math.inf, math.inf]
    step(guard, math.nan, (1.0, 0.0))
    assert policy._averages == [math.inf, math.inf]
    step(guard, 0.0, (1.0, 0.0))
    assert policy._averages == [math.inf, 1.0]
    left, _ = step(guard, 50.0, (1.0, 0.0))  # its first norm: there is nothing to hold it against
    assert torch.equal(left, torch.tensor([50.0]))  # type: ignore[arg-type]
    assert policy._averages == [50.0, 1.0]
    left, _ = step(guard, 0.0, (1.0, 0.0))
    assert policy._averages == [50.0, 1.0]


def test_what_is_remembered_of_each_tensor_is_a_copy() -> None:
    model = Numbers()
    guard = Guard(model, sgd(model), AdaGC(warmup=0))
    step(guard, 1.0, (1.0, 0.0))
    state = copy.deepcopy(saved := guard.state_dict())
    step(guard, 0.5, (0.5, 0.0))
    assert same(saved["policies"], state["policies"])
    guard.load_state_dict(state)
    step(guard, 0.5, (0.5, 0.0))
    assert same(state["policies"], saved["policies"])


def test_spam_clips_elements_by_their_second_moment() -> None:
    """θ = 16, β₂ = 3/4: after a gradient g, v is g²/4, and 8·g/2·… = √(16·g²/4) = 2g is left."""
    model = Numbers()
    guard = Guard(model, adam(model), SPAM(theta=16.0, wait=1))
    step(guard, 1.0, (1.0, -3.0))
    one, two = step(guard, 1.999, (-5.0, 7.0))
    assert torch.equal(one, torch.tensor([1.999]))  # type: ignore[arg-type]
    assert torch.allclose(two, torch.tensor([-2.0, 6.0]))  # type: ignore[arg-type]
    (act,) = guard.interventions
    assert act.before == pytest.approx(25 / 0.25)
    assert act.after == 16.0
    # v was 1/4 and 9/4, and has learned from what was left.
    second = guard.optimizers[0].state[model.two]["exp_avg_sq"]
    assert torch.allclose(second, torch.tensor([0.75 * 0.25 + 0.25 * 4, 0.75 * 2.25 + 0.25 * 36]))


def test_spam_leaves_alone_what_has_had_no_gradient() -> None:
    """Of an embedding, say, the rows of rare symbols: they would never learn."""
    model = Numbers()
    guard = Guard(model, adam(model), SPAM(theta=16.0, wait=1))
    step(guard, 1.0, (0.0, 1.0))
    _, two = step(guard, 1.0, (100.0, 1.0))
    assert torch.equal(two, torch.tensor([100.0, 1.0]))  # type: ignore[arg-type]
    assert guard.interventions == []


def test_spam_waits_before_it_clips() -> None:
    model = Numbers()
    guard = Guard(model, adam(model), SPAM(theta=16.0, wait=3))
    for _ in range(2):
        step(guard, 1.0, (1.0, 1.0))
    one, _ = step(guard, 90.0, (1.0, 1.0))
    assert torch.equal(one, torch.tensor([90.0]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        adam,
        lambda m: adam(m, amsgrad=True),
        lambda m: torch.optim.NAdam(m.parameters(), lr=0.5),
        lambda m: torch.optim.RMSprop(m.parameters(), lr=0.5, momentum=0.9, centered=True),
    ],
    ids=["Adam", "AMSGrad", "NAdam", "RMSprop"],
)
def test_after_a_reset_the_optimizer_is_as_new_at_a_rate_that_rises(make: Any) -> None:
    """The oracle is a new optimizer at 1 %, 50.5 % … of the rate: warm-up over 3 steps, and 4."""
    model = Numbers()
    optimizer = make(model)
    guard = Guard(model, optimizer, SPAM(every=2, warmup=3, wait=9, theta=1e30))
    for _ in range(2):
        step(guard, 3.0, (1.0, -2.0))
    other = copy.deepcopy(model)
    fresh = make(other)
    for n in range(2):
        step(guard, 1.0, (2.0, 3.0))
        for parameter, own in zip(other.parameters(), model.parameters(), strict=True):
            parameter.grad = own.grad
        fresh.param_groups[0]["lr"] = 0.5 * (1 - 0.99 * (1 + math.cos(math.pi * n / 4)) / 2)
        fresh.step()
    for parameter, own in zip(other.parameters(), model.parameters(), strict=True):
        assert torch.allclose(parameter, own, rtol=1e-6)
    assert optimizer.param_groups[0]["lr"] == 0.5
    (act,) = guard.interventions
    assert act.message.startswith("spam: steps that the optimizer's moments remember 2 → 0 (")


@pytest.mark.parametrize("make", [sgd, lambda m: torch.optim.Adagrad(m.parameters())])
def test_spam_is_refused_where_there_is_no_second_moment(make: Any) -> None:
    model = Numbers()
    with pytest.raises(SettingError, match="keeps none: use Adam, or the guard policy adagc"):
        Guard(model, make(model), *policies_from("spam"))


class Sign(Optimizer):
    """Another library's, with the settings of Adam, that remembers one average."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": 0.1, "betas": (0.9, 0.99)})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for parameter in self.param_groups[0]["params"]:
            self.state[parameter]["exp_avg"] = parameter.grad.clone()


def test_an_optimizer_that_only_looks_like_adam_is_told_once_it_has_shown() -> None:
    model = Numbers()
    guard = Guard(model, Sign(model.parameters()), SPAM(wait=1))
    step(guard, 1.0, (1.0, 1.0))
    with pytest.raises(SettingError, match="second moments, and Sign keeps none"):
        step(guard, 1.0, (1.0, 1.0))
