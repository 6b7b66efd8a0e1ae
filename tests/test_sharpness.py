"""The sharpness along the step: by hand, against exact Hessian-vector products, in the lab."""

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

import backsight
from backsight import Run, sharpness, train
from backsight.errors import SettingError
from backsight.lab import MemoryOrder
from backsight.report import summary
from tests.crossed import crossed

CLOSE = 1e-4
"""Relative: a millionth of the weights away, the third derivative counts for about as much."""


def squares(outputs: Tensor) -> Tensor:
    return outputs.square().mean()


def backward(loss: Tensor) -> None:
    loss.backward()  # type: ignore[no-untyped-call]


class Bowl(nn.Module):
    """``L = ½ Σ h_i w_i²``: the Hessian is diagonal."""

    def __init__(self, *curvatures: float, at: float = 1.0) -> None:
        super().__init__()
        self.h = torch.tensor(curvatures, dtype=torch.float64)
        self.w = nn.Parameter(torch.full_like(self.h, at))

    def forward(self) -> Tensor:
        loss: Tensor = 0.5 * (self.h * self.w.square()).sum()
        return loss


# -- by hand -----------------------------------------------------------------------------------


def test_of_plain_gradient_descent_on_a_bowl() -> None:
    """g = (4, 1), Hg = (16, 1): ρ = 0.5 · 65 / 17."""
    bowl = Bowl(4, 1)
    found = sharpness(bowl, bowl, SGD(bowl.parameters(), lr=0.5))
    assert found.value == pytest.approx(0.5 * 65 / 17, rel=1e-8)
    assert found.limit == 2
    assert found.times == pytest.approx(found.value / 2)


def test_adam_moves_every_weight_by_its_learning_rate_at_first() -> None:
    """d = (1, 1), gᵀd = 5, dᵀHd = 5."""
    bowl = Bowl(4, 1)
    found = sharpness(bowl, bowl, Adam(bowl.parameters(), lr=0.3, eps=0.0))
    assert found.value == pytest.approx(0.3)
    assert found.limit == pytest.approx(38)


def test_coupled_decay_is_part_of_the_loss_and_decoupled_decay_is_not() -> None:
    """With λ = 3, h = (4, 1) becomes (7, 4); AdamW's is taken off the weights by itself."""
    bowl = Bowl(4, 1)
    coupled = sharpness(bowl, bowl, SGD(bowl.parameters(), lr=0.1, weight_decay=3.0))
    assert coupled.value == pytest.approx(0.1 * (7**3 + 4**3) / (7**2 + 4**2))
    apart = sharpness(bowl, bowl, AdamW(bowl.parameters(), lr=0.1, eps=0.0, weight_decay=3.0))
    assert apart.value == pytest.approx(0.1)


def test_each_group_has_its_own_learning_rate() -> None:
    """u = (η₁ 4, η₂ 1): uᵀHu / gᵀu."""
    one, other = Bowl(4), Bowl(1)
    both = nn.ModuleList([one, other])
    groups = [{"params": [one.w], "lr": 0.1}, {"params": [other.w], "lr": 0.7, "momentum": 0.9}]
    found = sharpness(both, lambda: one() + other(), SGD(groups, lr=1.0))
    assert found.value == pytest.approx((0.4**2 * 4 + 0.7**2) / (0.4 * 4 + 0.7))
    assert found.limit == 2  # the lower one
    apart = [SGD([one.w], lr=0.1), SGD([other.w], lr=0.7)]
    assert sharpness(both, lambda: one() + other(), apart) == found


@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (lambda p: SGD(p, lr=0.1, momentum=0.5), 3.0),
        (lambda p: SGD(p, lr=0.1, momentum=0.5, dampening=0.5), 6.0),
        (lambda p: SGD(p, lr=0.1, dampening=0.5), 2.0),
        (lambda p: SGD(p, lr=0.1, momentum=0.5, nesterov=True), 1.5),
        (lambda p: Adam(p, lr=0.1, betas=(0.5, 0.999)), 6.0),
        (lambda p: RMSprop(p, lr=0.1, momentum=0.5), 3.0),
    ],
)
def test_the_limit_is_where_steps_on_a_bowl_begin_to_grow(
    make: Callable[[Any], Optimizer], limit: float
) -> None:
    """Just below it they shrink, and just above it they grow, at a fixed preconditioner."""
    bowl = Bowl(1.0)
    optimizer = make(bowl.parameters())
    assert sharpness(bowl, bowl, optimizer).limit == pytest.approx(limit)
    options = optimizer.param_groups[0]
    beta = options["betas"][0] if "betas" in options else options["momentum"]
    dampening = beta if "betas" in options else options.get("dampening", 0.0)
    for times, grows in ((0.95, False), (1.05, True)):
        stepped = Bowl(1.0)
        plain = SGD(
            stepped.parameters(),
            lr=times * limit,
            momentum=beta,
            dampening=dampening,
            nesterov=options.get("nesterov", False),
        )
        for _ in range(400):
            stepped.w.grad = stepped.w.detach().clone()
            plain.step()
        assert bool(stepped.w.abs() > 1) is grows


def test_a_loss_that_is_maximised_is_the_same_upside_down() -> None:
    bowl = Bowl(4, 1)
    found = sharpness(bowl, lambda: -bowl(), SGD(bowl.parameters(), lr=0.5, maximize=True))
    assert found.value == pytest.approx(0.5 * 65 / 17)


# -- against second derivatives ----------------------------------------------------------------


class Loop(nn.Module):
    """The same numbers as a fused GRU, step by step: autograd knows its second derivative."""

    def __init__(self, fused: nn.GRU, readout: nn.Linear) -> None:
        super().__init__()
        self.fused, self.readout = fused, readout

    def loss(self, x: Tensor, values: list[Tensor]) -> Tensor:
        """Of the parameters' values, in their order."""
        *layers, weight, bias = values
        for layer in range(self.fused.num_layers):
            w_ih, w_hh, b_ih, b_hh = layers[4 * layer : 4 * layer + 4]
            h = x.new_zeros(x.shape[1], self.fused.hidden_size)
            states = []
            for step in x:
                (ri, zi, ni) = (step @ w_ih.T + b_ih).chunk(3, -1)
                (rh, zh, nh) = (h @ w_hh.T + b_hh).chunk(3, -1)
                r, z = (ri + rh).sigmoid(), (zi + zh).sigmoid()
                n = (ni + r * nh).tanh()
                h = (1 - z) * n + z * h
                states.append(h)
            x = torch.stack(states)
        return squares(x[-1] @ weight.T + bias)


def update_of(optimizer: Optimizer, parameters: list[nn.Parameter]) -> list[Tensor]:
    """What a real step without momentum takes off the parameters."""
    twin = copy.deepcopy(optimizer)
    moved = [p for group in twin.param_groups for p in group["params"]]
    for own, given in zip(moved, parameters, strict=True):
        own.grad = given.grad.clone() if given.grad is not None else None
    for group in twin.param_groups:
        if "betas" in group:
            group["betas"] = (0.0, group["betas"][1])
        else:
            group["momentum"] = 0.0
            group["nesterov"] = False
        if isinstance(twin, AdamW):
            group["weight_decay"] = 0.0
    twin.step()
    return [p.detach() - own.detach() for p, own in zip(parameters, moved, strict=True)]


KINDS: dict[str, Callable[[Any], Optimizer]] = {
    "sgd": lambda p: SGD(p, lr=0.3),
    "momentum": lambda p: SGD(p, lr=0.3, momentum=0.9, nesterov=True),
    "sgd with decay": lambda p: SGD(p, lr=0.3, weight_decay=0.2),
    "adam": lambda p: Adam(p, lr=0.02),
    "adam with decay": lambda p: Adam(p, lr=0.02, weight_decay=0.2),
    "amsgrad": lambda p: Adam(p, lr=0.02, amsgrad=True),
    "adamw": lambda p: AdamW(p, lr=0.02, weight_decay=0.2),
    "rmsprop": lambda p: RMSprop(p, lr=0.02, momentum=0.5),
    "rmsprop, centred": lambda p: RMSprop(p, lr=0.02, centered=True, weight_decay=0.1),
}


@pytest.mark.some(3)
@crossed("kind,steps", KINDS, [0, 3], together=1)
def test_of_a_fused_layer_it_is_what_second_derivatives_say(kind: str, steps: int) -> None:
    torch.manual_seed(3)
    fused, readout = nn.GRU(2, 3, num_layers=2).double(), nn.Linear(3, 1).double()
    model = Loop(fused, readout)
    parameters = list(model.parameters())
    x = torch.randn(6, 4, 2, dtype=torch.float64)
    optimizer = KINDS[kind](
        [{"params": list(fused.parameters())}, {"params": list(readout.parameters()), "lr": 0.05}]
    )

    def loss() -> Tensor:
        return squares(readout(fused(x)[0][-1]))

    for _ in range(steps):
        optimizer.zero_grad()
        backward(loss())
        optimizer.step()
    optimizer.zero_grad()
    backward(loss())
    u = update_of(optimizer, parameters)
    decay = 0.0 if kind == "adamw" else optimizer.param_groups[0]["weight_decay"]

    def total(*values: Tensor) -> Tensor:
        decayed = sum((v.square().sum() for v in values), torch.zeros((), dtype=torch.float64))
        return model.loss(x, list(values)) + decay / 2 * decayed

    there = tuple(p.detach() for p in parameters)
    _, hu = torch.autograd.functional.hvp(total, there, tuple(u))  # type: ignore[no-untyped-call]
    _, gu = torch.autograd.functional.jvp(total, there, tuple(u))  # type: ignore[no-untyped-call]
    exact = sum(float((a * b).sum()) for a, b in zip(u, hu, strict=True)) / float(gu)
    found = sharpness(model, loss, optimizer)
    assert found.value == pytest.approx(exact, rel=CLOSE)
    assert sharpness(model, loss, optimizer, gradient_known=True).value == found.value


def test_in_float32_it_is_right_to_a_percent() -> None:
    torch.manual_seed(0)
    values = []
    for dtype in (torch.float32, torch.float64):
        torch.manual_seed(1)
        lstm = nn.LSTM(3, 8, num_layers=2).to(dtype)
        x = torch.linspace(-1, 1, 300, dtype=dtype).reshape(50, 2, 3)
        optimizer = SGD(lstm.parameters(), lr=0.5)

        def loss(lstm: nn.LSTM = lstm, x: Tensor = x) -> Tensor:
            return squares(lstm(x)[0][-1])

        values.append(sharpness(lstm, loss, optimizer).value)
    assert values[0] == pytest.approx(values[1], rel=0.01)


# -- what it leaves ----------------------------------------------------------------------------


def test_nothing_is_left_of_it() -> None:
    """Weights, gradients, buffers, modes, random numbers, and a graph that is still to be used."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 1))
    model[2].eval()
    optimizer = AdamW(model.parameters(), lr=0.1)
    x = torch.randn(5, 3)
    backward(squares(model(x)))
    optimizer.step()
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    pending = model[3](model[0](x)).square().mean()
    random = torch.get_rng_state()

    def loss() -> Tensor:
        model.train()
        return squares(model(x))

    assert math.isfinite(sharpness(model, loss, optimizer).value)
    assert torch.equal(torch.get_rng_state(), random)
    assert [part.training for part in model] == [True, True, False, True]
    for kept, now in zip(before[0].values(), model.state_dict().values(), strict=True):
        assert torch.equal(kept, now)
    for name, value in before[1]["state"][0].items():
        assert torch.equal(value, optimizer.state_dict()["state"][0][name])
    for kept, p in zip(gradients, model.parameters(), strict=True):
        assert p.grad is not None
        assert torch.equal(kept, p.grad)
    backward(pending)  # the weights were moved and put back without its knowing


def test_both_gradients_are_taken_with_the_same_dropout() -> None:
    """With other masks, the difference would be that of the masks: far from the exact number."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5), nn.Linear(50, 1)).double()
    x = torch.randn(8, 3, dtype=torch.float64)
    optimizer = SGD(model.parameters(), lr=0.1)

    def loss() -> Tensor:
        return squares(model(x))

    assert sharpness(model, loss, optimizer) == sharpness(model, loss, optimizer)
    assert 0 < sharpness(model, loss, optimizer).value < 10


def test_weights_are_put_back_where_the_loss_raises() -> None:
    bowl, calls = Bowl(4, 1), []

    def loss() -> Tensor:
        calls.append(bowl.w.detach().clone())
        if len(calls) == 2:
            raise RuntimeError("no")
        return bowl.forward()

    with pytest.raises(RuntimeError, match="no"):
        sharpness(bowl, loss, SGD(bowl.parameters(), lr=0.5))
    assert not torch.equal(calls[0], calls[1])
    assert torch.equal(bowl.w, calls[0])


def test_without_a_finite_gradient_there_is_no_number() -> None:
    bowl = Bowl(4, 1, at=math.inf)
    found = sharpness(bowl, bowl, SGD(bowl.parameters(), lr=0.5))
    assert math.isnan(found.value)
    assert torch.isinf(bowl.w).all()
    still = Bowl(4, 1, at=0.0)
    assert math.isnan(sharpness(still, still, SGD(still.parameters(), lr=0.5)).value)


@pytest.mark.parametrize(
    ("make", "loss", "words"),
    [
        (torch.optim.Adagrad, None, "not measured with Adagrad: .* Adam, AdamW, RMSprop, SGD"),
        (SGD, lambda: torch.ones(2), r"scalar loss as a tensor, not a tensor of shape \(2,\)"),
        (SGD, lambda: torch.ones(()), "does not depend on any parameter"),
        (lambda p: SGD([*p, nn.Parameter(torch.ones(1).bfloat16())]), None, "one in bfloat16"),
        (lambda p: object(), None, "optimizer of torch.optim, not a object"),
    ],
)
def test_why_it_is_not_measured(make: Any, loss: Any, words: str) -> None:
    bowl = Bowl(4, 1)
    with pytest.raises(SettingError, match=words):
        sharpness(bowl, loss or bowl, make(bowl.parameters()))


# -- in a run ----------------------------------------------------------------------------------


def test_a_monitor_records_it_beside_its_limit(run_path: Path) -> None:
    bowl = Bowl(4, 1)
    optimizer = SGD(bowl.parameters(), lr=0.1, momentum=0.5)
    with backsight.watch(bowl, optimizer, run_path, every=1) as monitor:
        for _ in range(3):
            optimizer.zero_grad()
            backward(bowl())
            found = monitor.sharpness(bowl, gradient_known=True)
            optimizer.step()
    run = Run(run_path)
    assert run.iterations == 3  # none of ours counts
    assert run["sharpness"].tolist()[-1] == pytest.approx(found.value, rel=1e-6)
    assert run["sharpness_limit"].tolist() == [3.0] * 3
    assert any("Sharpness along the step" in words for words in summary(run))


SMALL: dict[str, Any] = {
    "length": 20, "hidden": 6, "layers": 2, "dropout": 0.3, "batch": 4, "iterations": 4,
    "validate_sequences": 8, "device": "cpu", "report": False, "every": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("optimizer", "limit"),
    [
        ("adamw", 38),
        *(pytest.param(*one, marks=pytest.mark.long) for one in (("sgd", 2), ("adam", 38))),
        pytest.param("momentum", 3.8, marks=pytest.mark.long),
    ],
)
def test_the_lab_measures_it_on_a_schedule_and_trains_as_without(
    optimizer: Any, limit: float, tmp_path: Path
) -> None:
    runs = []
    for every in (None, 2):
        path = tmp_path / str(every)
        settings = MemoryOrder(**SMALL, optimizer=optimizer, sharpness_every=every, run=path)
        runs.append(train(settings))
    plain, measured = runs
    assert "sharpness" not in plain.names
    assert measured.series("sharpness").iterations.tolist() == [0, 2]
    assert measured["sharpness_limit"].tolist() == pytest.approx([limit] * 2)
    for name in {*plain.names} - {"tokens_per_second"}:
        if name in plain.members(name.partition("/")[0], profile=False):
            assert plain[name].tobytes() == measured[name].tobytes(), name


def test_in_the_lab_it_is_that_of_the_batch_and_its_dropout(tmp_path: Path) -> None:
    """Measured again at the same place, with the random numbers of that iteration."""
    from backsight.lab import make_loop

    settings = MemoryOrder(
        **SMALL | {"iterations": 1}, precision="64-true", sharpness_every=1, run=tmp_path / "run"
    )
    recorded = train(settings)["sharpness"]
    loop = make_loop(settings)
    random = torch.get_rng_state()
    inputs, targets, _ = loop.task.draw(loop.task.steps)
    batch, answers = torch.tensor(inputs), torch.tensor(targets)

    def loss() -> Tensor:
        torch.set_rng_state(random)
        outputs = loop.model(batch)[0]
        return nn.functional.cross_entropy(outputs.flatten(0, -2), answers.flatten())

    found = sharpness(loop.model, loss, loop.optimizer.optimizer)
    assert recorded.tolist() == pytest.approx([found.value], rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sharpness_every": 0}, "--sharpness-every must be a whole number of at least 1"),
        ({"sharpness_every": 5, "precision": "bf16-mixed"}, "choose 32-true or 64-true"),
    ],
)
def test_settings_that_make_no_sense(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        MemoryOrder(**SMALL, **changes)
