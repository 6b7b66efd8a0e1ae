"""The guard around a loop: it changes nothing unless a policy acts, and leaves nothing behind."""

import copy
import io
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer, lr_scheduler

from backsight.errors import BacksightError, GuardError, SettingError
from backsight.guard import (
    AGC,
    BackOff,
    ClipNorm,
    ClipValue,
    Guard,
    LateMomentum,
    Omega,
    Policy,
    Rollback,
    Skip,
    policies_from,
    safe,
)
from tests.guarded import (
    Data,
    backward,
    drive,
    everything,
    nan_at,
    net,
    same,
    sgd,
    train,
)

OPTIMIZERS: dict[str, Callable[[Any], Optimizer]] = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.02),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.002, momentum=0.9, weight_decay=1e-3),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.002, momentum=0.9, nesterov=True, foreach=True),
    "fused SGD": lambda p: torch.optim.SGD(p, lr=0.002, momentum=0.9, fused=True),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.01, foreach=False),
    "foreach Adam": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True, foreach=True),
    "tensor rate": lambda p: torch.optim.Adam(p, lr=torch.tensor(0.01), capturable=False),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.01, fused=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.003, centered=True),
    "RMSprop, momentum": lambda p: torch.optim.RMSprop(p, lr=0.001, momentum=0.9),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=0.01),
    "RAdam": lambda p: torch.optim.RAdam(p, lr=0.01),
    "Adamax": lambda p: torch.optim.Adamax(p, lr=0.01),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01),
    "Adadelta": lambda p: torch.optim.Adadelta(p, lr=0.5),
}


@pytest.mark.some(4)
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_where_no_policy_acts_training_is_bit_identical(make: Any) -> None:
    def one(guarded: bool) -> tuple[dict[str, Any], list[Any]]:
        model = net()
        optimizer = make(model.parameters())
        guard = Guard(model, optimizer, snapshot_every=10) if guarded else None
        train(model, optimizer, guard, 35, data=Data())
        assert guard is None or guard.interventions == []
        return everything(model, optimizer), [g["lr"] for g in optimizer.param_groups]

    plain, guarded = one(False), one(True)
    assert same(guarded[0], plain[0])
    assert guarded[1] == plain[1]


@pytest.mark.some(3)
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_optimizer_survives_all_that_a_guard_does_to_it(make: Any) -> None:
    """Momentum late, an update left out, a rollback, a lower rate: and its options stand."""
    model = net()
    groups: list[dict[str, Any]] = [
        {"params": list(model.rnn.parameters())},
        {"params": [*model.norm.parameters(), *model.out.parameters()], "lr": 0.004},
    ]
    optimizer = make(groups)
    options = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
    policies: list[Policy] = [Rollback(), Skip(), BackOff()]
    kinds = {"rollback", "skip"}
    if any(g.get("momentum") or "betas" in g for g in options):
        policies.append(LateMomentum(steps=5, pause=5))
        kinds.add("momentum")
    guard = Guard(model, optimizer, *policies, snapshot_every=10)
    train(model, optimizer, guard, 60, spoil=nan_at(15, 33, 34, 35))
    assert {act.policy for act in guard.interventions} == kinds
    assert guard.learning_rate.factor < 1
    for parameter in model.parameters():
        assert bool(torch.isfinite(parameter).all())
    left = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
    assert same(left, options)


SCHEDULES: dict[str, Callable[[Optimizer], Any]] = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, 4, 0.5),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda _: 0.95),
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda e: 1 / (1 + e)),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 10),
    "warm restarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 5),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o, total_iters=8),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, 12, 2.0),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.05, total_steps=40),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.001, 0.05, 4),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o), lr_scheduler.ExponentialLR(o, 0.9)], [5]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ExponentialLR(o, 0.9), lr_scheduler.StepLR(o, 3)]
    ),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=2),
}


@pytest.mark.some(4)
@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")  # SequentialLR's, torch 2.6
@pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)
def test_a_schedule_finds_what_it_left_whatever_the_factor(make: Any) -> None:
    """And the step itself is taken at the factor times that, without momentum."""

    def one(guarded: bool) -> tuple[list[Any], list[Any]]:
        model = net()
        groups: list[dict[str, Any]] = [
            {"params": list(model.rnn.parameters())},
            {"params": list(model.out.parameters()), "lr": 0.003},
        ]
        optimizer = torch.optim.SGD(groups, lr=0.01, momentum=0.9)
        schedule = make(optimizer)
        guard = Guard(model, optimizer, BackOff(), LateMomentum(steps=1000)) if guarded else None
        if guard:
            guard.learning_rate.lower(0.25)
        applied, found = [], []

        def note(o: Optimizer, *_: Any) -> None:
            applied.append([(float(g["lr"]), g["momentum"]) for g in o.param_groups])

        optimizer.register_step_pre_hook(note)

        def each(_: int) -> None:
            found.append([(g["lr"], g["momentum"]) for g in optimizer.param_groups])
            plateau = isinstance(schedule, lr_scheduler.ReduceLROnPlateau)
            schedule.step(*([1.0] if plateau else []))

        train(model, optimizer, guard, 25, each=each)
        return applied, found

    (plain, found), (applied, as_left) = one(False), one(True)
    assert as_left == found
    for step, own in zip(applied, plain, strict=True):
        assert step == [(pytest.approx(0.25 * lr), 0.0) for lr, _ in own]


def test_a_rate_that_is_a_tensor_stays_that_tensor() -> None:
    model, rate = net(), torch.tensor(0.01)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    guard = Guard(model, optimizer, BackOff())
    guard.learning_rate.lower(0.5)
    train(model, optimizer, guard, 3)
    assert optimizer.param_groups[0]["lr"] is rate
    assert float(rate) == pytest.approx(0.01)


def test_step_and_hooks_act_alike() -> None:
    def one(own_step: bool) -> tuple[Any, Any]:
        model = net()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        guard = Guard(model, optimizer, *safe(), snapshot_every=10)
        data, now = Data(), Tensor()
        guard.loss_of = lambda: now
        for _ in range(40):
            number, x, y = data.draw()
            optimizer.zero_grad()
            now = backward(model, *nan_at(12, 20, 21, 22)(number, x, y))
            if own_step:
                guard.step(now)
            else:
                optimizer.step()
        return everything(model, optimizer), guard.interventions

    (a, acts), (b, others) = one(True), one(False)
    assert acts == others
    assert {act.policy for act in acts} == {"skip", "rollback"}
    assert same(a, b)


def test_step_gives_back_what_was_done() -> None:
    model = net()
    guard = Guard(model, sgd(model), ClipNorm(norm=1.0))
    acts = drive(guard, [1.0, 1.0, 1.0], [0.5, 4.0, 0.5])
    assert [len(each) for each in acts] == [0, 1, 0]
    assert acts[1][0].message == "clip: gradient norm 4 → 1 (norm above 1)"
    assert guard.interventions == [acts[1][0]]


def test_accumulated_gradients_are_one_step() -> None:
    def one(guarded: bool) -> dict[str, Any]:
        model = net()
        optimizer = sgd(model)
        guard = Guard(model, optimizer) if guarded else None
        data = Data()
        for _ in range(20):
            optimizer.zero_grad()
            for _ in range(3):
                loss = backward(model, *data.draw()[1:]) / 3
            if guard:
                guard.step(loss)
            else:
                optimizer.step()
        assert guard is None or guard.iteration == 20
        return everything(model, optimizer)

    assert same(one(True), one(False))


def test_several_optimizers_are_one_step() -> None:
    model = net()
    first = torch.optim.SGD(model.rnn.parameters(), lr=0.02)
    second = torch.optim.Adam(model.out.parameters(), lr=0.01)
    guard = Guard(model, [first, second], ClipNorm(norm=1.0), Skip())
    seen: list[float] = []

    def note(*_: Any) -> None:
        there = [p.grad for p in model.out.parameters() if p.grad is not None]
        seen.append(float(torch.cat([g.flatten() for g in there]).norm()) if there else 0.0)

    second.register_step_pre_hook(note)
    drive(guard, [1.0, 1.0, math.nan, 1.0], [0.5, 5.0, 1.0, 0.5])
    first.step()  # under hooks alone
    second.step()
    assert guard.iteration == 5
    assert [act.iteration for act in guard.interventions] == [1, 2]
    every = sum(p.numel() for p in model.parameters())
    both = sum(p.numel() for p in guard.parameters)
    its = sum(p.numel() for p in model.out.parameters())
    assert seen[0] == pytest.approx(0.5 * (its / every) ** 0.5, rel=1e-5)
    assert seen[1] == pytest.approx((its / both) ** 0.5, rel=1e-5)  # 1 over both together
    assert seen[2] == 0.0


# -- what an optimizer may be given -------------------------------------------------------


def test_parameters_without_gradient_and_sparse_gradients_pass_every_clip() -> None:
    for policy in (ClipNorm(norm=1e-3), ClipValue(value=1e-3), AGC(ratio=1e-3), Skip()):
        model = nn.Sequential(nn.Embedding(10, 4, sparse=True), nn.Linear(4, 1), nn.Linear(1, 1))
        optimizer = torch.optim.SGD(model[:2].parameters(), lr=0.1)
        model[1].bias.requires_grad_(False)
        before = copy.deepcopy(model.state_dict())
        with Guard(model, optimizer, policy) as guard:
            for _ in range(2):
                optimizer.zero_grad()
                loss = model[:2](torch.tensor([1, 2, 2])).sum()
                loss.backward()
                guard.step(loss)
        embedding = model.state_dict()["0.weight"]
        moved = (embedding - before["0.weight"]).abs().sum(1)
        assert [bool(m) for m in moved[:4]] == [False, True, True, False], policy
        if isinstance(policy, ClipNorm):
            size = sum(float((model.state_dict()[k] - before[k]).pow(2).sum()) for k in before)
            assert size**0.5 <= 2 * 0.1 * 1e-3 * 1.001
        if isinstance(policy, ClipValue):
            assert float((embedding - before["0.weight"]).abs().max()) <= 2 * 0.1 * 1e-3 * 1.001


def test_a_closure_is_called_and_nothing_is_lost() -> None:
    """LBFGS computes gradients in its step: norms are unknown before, and no policy trips."""

    def one(guarded: bool) -> tuple[dict[str, Any], int]:
        torch.manual_seed(0)
        model = nn.Linear(2, 1)
        with torch.no_grad():
            model.weight.fill_(0.5)
            model.bias.fill_(0.5)
        optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)
        guard = Guard(model, optimizer, snapshot_every=2) if guarded else None
        x = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
        calls = 0

        def closure() -> Any:
            nonlocal calls
            calls += 1
            optimizer.zero_grad()
            loss = (model(x)[:, 0] - x.sum(1)).pow(2).mean()
            loss.backward()
            return loss.item()

        for _ in range(5):
            optimizer.step(closure)  # type: ignore[no-untyped-call]
        assert guard is None or (guard.interventions == [] and guard.iteration == 5)
        return everything(model, optimizer), calls

    assert same(one(True), one(False))


def test_a_closures_run_can_still_go_back() -> None:
    """To the weights of the start."""
    model = net()
    optimizer = sgd(model)
    guard = Guard(model, optimizer, Rollback())
    losses = iter([1.0, math.nan, math.nan, math.nan])
    guard.loss_of = lambda: torch.tensor(next(losses))
    for _ in range(4):
        optimizer.step(lambda: backward(model, *Data().draw()[1:]).item())
    assert [(act.policy, act.after) for act in guard.interventions] == [("rollback", 0.0)]


# -- loss scaling -------------------------------------------------------------------------


@pytest.mark.some(9)
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("by_guard", [True, False], ids=["guard.step", "hooks"])
@pytest.mark.parametrize("words", ["clip=0.1", "value=0.01", "agc=0.01", "omega", "orthogonality"])
def test_unscaled_gradients_are_acted_on(words: str, by_guard: bool, fused: bool) -> None:
    """The same acts and weights as without a scaler, which divides before a step or in it."""

    def one(scaled: bool) -> tuple[list[Any], dict[str, Any]]:
        model = net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.02, fused=fused)
        scaler = torch.amp.GradScaler("cpu", enabled=scaled, init_scale=1024.0)
        guard = Guard(model, optimizer, *policies_from(words), scaler=scaler if by_guard else None)
        data = Data()
        for _ in range(8):
            optimizer.zero_grad()
            _, x, y = data.draw()
            loss = (model(x) - y).pow(2).mean()
            scaler.scale(loss).backward()
            if by_guard:
                guard.step(loss)
            else:
                scaler.step(optimizer)
                scaler.update()
        return guard.interventions, model.state_dict()

    (acts, plain), (scaled_acts, scaled) = one(False), one(True)
    assert acts
    assert [a.iteration for a in scaled_acts] == [a.iteration for a in acts]
    for a, b in zip(scaled_acts, acts, strict=True):
        assert a.before == pytest.approx(b.before, rel=1e-4)
        assert a.after == pytest.approx(b.after, rel=1e-4)
    for name, weights in plain.items():
        assert torch.allclose(weights, scaled[name], rtol=1e-4, atol=1e-6), name


@pytest.mark.parametrize("fused", [False, True])
def test_a_scaler_that_looks_for_its_scale_is_left_to_it(fused: bool) -> None:
    """Its own skips are no trouble: nothing is rolled back, nothing is told."""
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, backoff_factor=2.0**-20)
    guard = Guard(model, optimizer, scaler=scaler)
    before = copy.deepcopy(dict(model.named_parameters()))
    data, skipped = Data(), 0
    for _ in range(12):
        optimizer.zero_grad()
        _, x, y = data.draw()
        loss = (model(x) - y).pow(2).mean() * 1e3
        scaler.scale(loss).backward()
        scale = scaler.get_scale()
        guard.step(loss)
        if scaler.get_scale() < scale:
            skipped += 1
            assert all(torch.equal(before[n], p) for n, p in model.named_parameters())
        else:
            break
    assert skipped >= 1
    assert guard.interventions == []


def test_a_loss_that_is_not_finite_is_trouble_also_under_a_scaler() -> None:
    model = net()
    optimizer = sgd(model)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    guard = Guard(model, optimizer, scaler=scaler)
    for step in range(3):
        optimizer.zero_grad()
        _, x, y = Data().draw()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = (model(x).float() - y).pow(2).mean() * (math.nan if step == 1 else 1.0)
        scaler.scale(loss).backward()
        guard.step(loss)
    assert [(act.iteration, act.policy) for act in guard.interventions] == [(1, "skip")]


# -- what is not finite -------------------------------------------------------------------


@pytest.mark.some(7)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["loss", "one element", "everything"])
@pytest.mark.parametrize("at", [0, 1, 20])
def test_what_is_not_finite_never_reaches_the_weights(at: int, where: str, value: float) -> None:
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    guard = Guard(model, optimizer)
    data = Data()
    for step in range(at + 3):
        optimizer.zero_grad()
        loss = backward(model, *data.draw()[1:])
        before = everything(model, optimizer)
        told: float | Tensor = loss
        if step == at:
            if where == "loss":
                told = value
            elif where == "one element":
                model.out.bias.grad = torch.full_like(model.out.bias, value)
            else:
                for parameter in model.parameters():
                    parameter.grad = torch.full_like(parameter, value)
        acts = guard.step(told)
        if step == at:
            assert [act.policy for act in acts] == ["skip"]
            assert same(everything(model, optimizer), before)
        else:
            assert acts == ()
            assert not same(everything(model, optimizer)["model"], before["model"])


def test_running_statistics_survive_a_batch_that_is_nan() -> None:
    """The forward has changed them before anybody could look; a mask of -inf is left alone."""
    model = net()
    model.register_buffer("mask", torch.tensor([0.0, -math.inf]))
    guard = Guard(model, sgd(model), Skip(), snapshot_every=10)
    train(model, guard.optimizers[0], guard, 12, spoil=nan_at(0, 11))
    assert [act.iteration for act in guard.interventions] == [0, 11]
    assert bool(torch.isfinite(model.get_buffer("norm.running_mean")).all())
    assert bool(torch.isfinite(model.get_buffer("norm.running_var")).all())
    assert model.get_buffer("mask").tolist() == [0.0, -math.inf]
    model.eval()
    assert bool(torch.isfinite(model(Data().draw()[1])).all())


def test_gradients_are_left_to_the_loop_also_where_an_update_is_not_taken() -> None:
    model = net()
    guard = Guard(model, sgd(model), Skip())
    loss = backward(model, *Data().draw()[1:])
    gradient = model.out.weight.grad
    assert gradient is not None
    guard.step(float("nan") * loss.detach())
    assert model.out.weight.grad is gradient


def test_a_run_that_stays_broken_ends_in_words_on_good_weights() -> None:
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    guard = Guard(model, optimizer, snapshot_every=10)
    train(model, optimizer, guard, 25)
    with pytest.raises(GuardError, match="rolled back 10 times, and training failed again"):
        train(model, optimizer, guard, 200, spoil=nan_at(*range(200)))
    assert issubclass(GuardError, BacksightError)
    assert all(bool(torch.isfinite(t.float()).all()) for t in model.state_dict().values())
    assert guard.snapshots.taken[-1]["iteration"] <= 25


def test_skips_in_a_row_end_in_words_where_nothing_rolls_back() -> None:
    model = net()
    guard = Guard(model, sgd(model), Skip(row=4))
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(GuardError, match="skipped 4 updates in a row"):
        drive(guard, [math.nan] * 10)
    assert guard.iteration == 4
    assert same(model.state_dict(), before)


# -- errors, ends and copies --------------------------------------------------------------


def test_an_error_in_a_step_leaves_rate_and_gradients_as_they_were() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    guard = Guard(model, optimizer, BackOff(), Skip(), LateMomentum(steps=1000))
    guard.learning_rate.lower(0.5)

    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    handle = optimizer.register_step_pre_hook(fail)
    for loss in (1.0, math.nan):
        with pytest.raises(OSError, match="the disk is full"):
            drive(guard, [loss])
    handle.remove()
    assert all(p.grad is not None for p in guard.parameters)
    seen: list[float] = []
    optimizer.register_step_pre_hook(lambda o, *_: seen.append(o.param_groups[0]["lr"]))
    drive(guard, [1.0])
    assert seen == [pytest.approx(0.01)]
    assert optimizer.param_groups[0]["lr"] == 0.02
    assert optimizer.param_groups[0]["momentum"] == 0.9


def hooks_on(model: nn.Module, optimizer: Optimizer) -> int:
    on_model = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())
    on_optimizer = len(optimizer._optimizer_step_pre_hooks)
    return on_model + on_optimizer + len(optimizer._optimizer_step_post_hooks)


def test_close_leaves_no_hook_and_a_second_call_does_nothing() -> None:
    model = net()
    optimizer = sgd(model)
    with Guard(model, optimizer, *safe(), Omega()) as guard:
        train(model, optimizer, guard, 3)
        assert hooks_on(model, optimizer) > 0
    guard.close()
    assert hooks_on(model, optimizer) == 0
    drive(guard, [math.nan])
    assert [act for act in guard.interventions if act.policy != "omega"] == []


def test_a_guard_that_cannot_be_made_leaves_no_hook() -> None:
    model = net()
    optimizer = sgd(model)
    with pytest.raises(SettingError, match="nothing to switch off"):
        Guard(model, optimizer, Omega(), LateMomentum())
    assert hooks_on(model, optimizer) == 0


def test_copies_are_not_guarded() -> None:
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    guard = Guard(model, optimizer, Skip(), Omega())
    train(model, optimizer, guard, 2)
    twin, optimizer_twin = copy.deepcopy(model), copy.deepcopy(optimizer)
    assert len(optimizer_twin._optimizer_step_pre_hooks) == 0
    acts = len(guard.interventions)
    twin_optimizer = sgd(twin)
    train(twin, twin_optimizer, None, 2, spoil=nan_at(0))
    assert len(guard.interventions) == acts
    assert not bool(torch.isfinite(twin.out.weight).all())
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    again = torch.load(buffer, weights_only=False)
    assert same(again.state_dict(), model.state_dict())


# -- contradictions -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((ClipNorm(), ClipValue()), {}, "clip and value both clip"),
        ((*safe(), ClipNorm()), {}, "auto and clip both clip|clip and auto both clip"),
        ((Skip(), Skip(row=3)), {}, "skip is given twice"),
        (("clip",), {}, "Guard expects policies of backsight.guard, not 'clip'"),
        ((ClipNorm,), {}, "Guard expects policies of backsight.guard"),
        ((), {"snapshots": 0}, "snapshots of Guard must be a whole number of at least 1, not 0"),
        (
            (),
            {"snapshot_every": 2.5},
            "snapshot_every of Guard must be a whole number of at least 1, not 2.5",
        ),
        (
            (),
            {"max_snapshot_bytes": -1},
            "max_snapshot_bytes of Guard must be a whole number of at least 1, not -1",
        ),
    ],
)
def test_contradictions_are_told_in_a_sentence(
    arguments: tuple[Any, ...], options: dict[str, Any], words: str
) -> None:
    model = net()
    optimizer = sgd(model)
    with pytest.raises(SettingError, match=words) as error:
        Guard(model, optimizer, *arguments, **options)
    assert "\n" not in str(error.value)
    assert hooks_on(model, optimizer) == 0


def test_what_is_not_a_model_or_an_optimizer_is_refused() -> None:
    model: Any = net()
    for bad in (None, [], "SGD", [None]):
        with pytest.raises((SettingError, TypeError)):
            Guard(model, bad)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="expects a model and an optimizer"):
        Guard(model.parameters(), sgd(model))
