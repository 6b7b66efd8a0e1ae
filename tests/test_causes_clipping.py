"""Gradients that are clipped at the wrong moment, and everything that looks like it."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.utils import clip_grad, clip_grad_norm_, clip_grad_value_

from backsight import Run, diagnose, watch
from backsight.diagnosis import Finding
from backsight.guard import ClipNorm, Guard

STEPS = 6


class Training:
    """One net, and what a script may do with it in a step."""

    def __init__(self, units: int = 4) -> None:
        torch.manual_seed(0)
        self.rnn, self.head = nn.LSTM(2, units), nn.Linear(units, 1)
        self.net = nn.ModuleList([self.rnn, self.head])
        self.parameters = list(self.net.parameters())
        self.optimizer = torch.optim.SGD(self.parameters, lr=1e-3)
        self.scaler = GradScaler("cpu", init_scale=2.0**16)

    def loss(self) -> Tensor:
        states = self.rnn(torch.randn(5, 3, 2))[0]
        result: Tensor = 4 * (self.head(states[-1]) - 3).square().mean()
        return result

    def clip(self, limit: float = 0.5) -> None:
        clip_grad_norm_(self.parameters, limit)


Step = Callable[[Training], object]


def findings(
    step: Step, path: Path, n: int = STEPS, limit: float = 0.0, units: int = 4
) -> list[Finding]:
    """Of rule BKS421, after some steps; with a limit, a guard clips to it."""
    training = Training(units)
    guard = Guard(training.net, training.optimizer, ClipNorm(norm=limit)) if limit else None
    with watch(training.net, training.optimizer, path, every=1, guard=guard):
        for _ in range(n):
            step(training)
    assert {"clip_misplaced", "clip_scaled"} <= set(Run(path).names)
    return [one for one in diagnose(Run(path)).lasting if one.code == "BKS421"]


def after_the_step(t: Training) -> None:
    t.optimizer.zero_grad()
    t.loss().backward()  # type: ignore[no-untyped-call]
    t.optimizer.step()
    t.clip()


def after_the_step_of_zeroed_tensors(t: Training) -> None:
    t.loss().backward()  # type: ignore[no-untyped-call]
    t.optimizer.step()
    t.clip()
    t.optimizer.zero_grad(set_to_none=False)


def by_hand_after_the_step(t: Training) -> None:
    t.loss().backward()  # type: ignore[no-untyped-call]
    t.optimizer.step()
    for p in t.parameters:
        assert p.grad is not None
        p.grad.clamp_(-0.01, 0.01)
    t.optimizer.zero_grad()


def by_hand_before_the_forward(t: Training) -> None:
    """Of the gradients that the last step has read."""
    for p in t.parameters:
        if p.grad is not None:
            p.grad.clamp_(-0.01, 0.01)
    t.optimizer.zero_grad()
    t.loss().backward()  # type: ignore[no-untyped-call]
    t.optimizer.step()


def before_backward(t: Training) -> None:
    loss = t.loss()
    t.optimizer.zero_grad()
    t.clip()
    loss.backward()  # type: ignore[no-untyped-call]
    t.optimizer.step()


def before_the_forward(t: Training) -> None:
    t.optimizer.zero_grad()
    t.clip()
    t.loss().backward()  # type: ignore[no-untyped-call]
    t.optimizer.step()


USED_UP: list[Tensor] = []


def of_a_generator_that_is_empty(t: Training) -> None:
    t.optimizer.zero_grad()
    t.loss().backward()  # type: ignore[no-untyped-call]
    clip_grad_norm_((one for one in USED_UP), 0.5)
    t.optimizer.step()


@pytest.mark.filterwarnings("ignore:`parameters` is an empty generator")
def test_a_clip_of_no_parameters(run_path: Path) -> None:
    (found,) = findings(of_a_generator_that_is_empty, run_path)
    assert found.severity == "warning"
    assert found.message.startswith("clip_grad_norm_ is given no parameters, as by a generator")


@pytest.mark.parametrize(("late", "told"), [(True, 1), (False, 0)])
def test_a_training_that_breaks_out_at_once_is_not_waited_for(
    late: bool, told: int, run_path: Path
) -> None:
    """Its third gradient is not finite."""
    factors = iter([1.0, 1e3, float("nan"), float("nan")])

    def step(t: Training) -> None:
        t.optimizer.zero_grad()
        (next(factors) * t.loss()).backward()  # type: ignore[no-untyped-call]
        if not late:
            t.clip()
        t.optimizer.step()
        if late:
            t.clip()

    assert len(findings(step, run_path, n=4)) == told


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("when", "limit", "told"),
    [("after the epoch", 0.5, 1), ("after the epoch", 1e3, 0), ("now and then", 0.5, 0)],
)
def test_a_clip_after_the_loop_over_batches(
    when: str, limit: float, told: int, run_path: Path
) -> None:
    """An epoch has seven batches, so that hardly any of its ends is a sample."""
    t = Training()
    with watch(t.net, t.optimizer, run_path, every=10):
        for step in range(70):
            t.optimizer.zero_grad()
            t.loss().backward()  # type: ignore[no-untyped-call]
            if when == "now and then" and step % 7 == 5:
                t.clip(limit)
            t.optimizer.step()
            if step % 7 == 6:
                t.clip(limit)
    found = [one for one in diagnose(Run(run_path)).lasting if one.code == "BKS421"]
    assert [one.severity for one in found] == ["warning"] * told
    assert not told or "each time after the step" in found[0].message


def of_a_copy(t: Training) -> None:
    t.optimizer.zero_grad()
    t.loss().backward()  # type: ignore[no-untyped-call]
    clip_grad_norm_(copy.deepcopy(t.net).parameters(), 0.5)
    t.optimizer.step()


def test_a_clip_of_a_copy(run_path: Path) -> None:
    (found,) = findings(of_a_copy, run_path)
    assert found.severity == "warning"
    assert "those of a copy" in found.message


@pytest.mark.parametrize("when", ["between", "after the step"])
def test_weights_that_are_clamped_instead_of_gradients(when: str, run_path: Path) -> None:
    """After the step, it is what keeps a critic's slope in bounds."""

    def clamp(t: Training) -> None:
        for p in t.parameters:
            p.data.clamp_(-0.1, 0.1)

    def step(t: Training) -> None:
        t.optimizer.zero_grad()
        t.loss().backward()  # type: ignore[no-untyped-call]
        if when == "between":
            clamp(t)
        t.optimizer.step()
        if when == "after the step":
            clamp(t)

    found = findings(step, run_path, units=16)
    assert [one.severity for one in found] == ["warning"] * (when == "between")


@pytest.mark.parametrize(("limit", "severity"), [(1e-6, ["warning"]), (1.0, [])])
def test_values_that_a_hook_limits(limit: float, severity: list[str], run_path: Path) -> None:
    def clamp(gradient: Tensor) -> Tensor:
        return gradient.clamp(-limit, limit)

    def step(t: Training) -> None:
        t.optimizer.zero_grad()
        hooks = [
            p.register_hook(clamp)  # type: ignore[no-untyped-call]
            for p in t.parameters
        ]
        t.loss().backward()  # type: ignore[no-untyped-call]
        t.optimizer.step()
        for hook in hooks:
            hook.remove()

    findings(step, run_path, 12, units=16)
    found = [one for one in diagnose(run_path).lasting if one.code == "BKS403"]
    assert [one.severity for one in found] == severity


def of_the_step_before(t: Training) -> None:
    loss = t.loss()
    t.clip()
    t.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    t.optimizer.step()


def before_unscale(t: Training) -> None:
    t.optimizer.zero_grad()
    t.scaler.scale(t.loss()).backward()  # type: ignore[no-untyped-call]
    t.clip()
    t.scaler.step(t.optimizer)
    t.scaler.update()


def divided_by_hand(t: Training) -> None:
    t.optimizer.zero_grad()
    (1024 * t.loss()).backward()  # type: ignore[no-untyped-call]
    t.clip()
    for p in t.parameters:
        assert p.grad is not None
        p.grad /= 1024
    t.optimizer.step()


def values_after_the_step(t: Training) -> None:
    not_at_all(t)
    clip_grad_value_(t.parameters, 0.01)


def values_before_backward(t: Training) -> None:
    loss = t.loss()
    t.optimizer.zero_grad(set_to_none=False)
    if t.parameters[0].grad is not None:  # PyTorch clips nothing where there are none
        clip_grad_value_(t.net.parameters(), 0.01)
    loss.backward()  # type: ignore[no-untyped-call]
    t.optimizer.step()


def values_after_zeroing(t: Training) -> None:
    t.loss().backward()  # type: ignore[no-untyped-call]
    t.optimizer.step()
    t.optimizer.zero_grad(set_to_none=False)
    clip_grad_value_(t.parameters, clip_value=0.01)


def scaled_then(t: Training, clip: Callable[[], None]) -> None:
    t.optimizer.zero_grad()
    t.scaler.scale(t.loss()).backward()  # type: ignore[no-untyped-call]
    clip()
    t.scaler.step(t.optimizer)
    t.scaler.update()


def values_before_unscale(t: Training) -> None:
    scaled_then(t, lambda: clip_grad_value_(t.parameters, 0.5))


def clamp(t: Training, limit: float) -> None:
    for p in t.parameters:
        assert p.grad is not None
        p.grad.clamp_(-limit, limit)


def shorten(t: Training, limit: float = 0.5) -> None:
    gradients = [p.grad for p in t.parameters if p.grad is not None]
    norm = torch.stack([g.norm() for g in gradients]).norm()
    for g in gradients:
        g.mul_((limit / norm).clamp(max=1))


def by_hand_before_unscale(t: Training) -> None:
    scaled_then(t, lambda: clamp(t, 1.0))


def norm_by_hand_before_unscale(t: Training) -> None:
    scaled_then(t, lambda: shorten(t))


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "step",
    [
        values_after_the_step,
        values_before_backward,
        values_after_zeroing,
        values_before_unscale,
        by_hand_before_unscale,
        norm_by_hand_before_unscale,
        after_the_step,
        after_the_step_of_zeroed_tensors,
        by_hand_after_the_step,
        by_hand_before_the_forward,
        before_backward,
        before_the_forward,
        of_the_step_before,
        before_unscale,
        divided_by_hand,
    ],
)
def test_clipping_at_the_wrong_moment_is_found(step: Step, tmp_path: Path) -> None:
    (found,) = findings(step, tmp_path / "run")
    assert found.severity == "warning"


def test_how_much_too_late_and_how_much_too_small(tmp_path: Path) -> None:
    """The step reads the whole gradient; of a scaled one, what the division has left."""
    (found,) = findings(after_the_step, tmp_path / "late")
    norm = Run(tmp_path / "late")["grad_norm"].max()
    assert found.evidence["gradient relative to the limit"] == pytest.approx(norm / 0.5, rel=1e-5)
    (found,) = findings(before_unscale, tmp_path / "scaled")
    assert found.evidence["divided by"] == pytest.approx(2**16, rel=1e-4)


def in_place(t: Training) -> None:
    t.optimizer.zero_grad()
    t.loss().backward()  # type: ignore[no-untyped-call]
    t.clip()
    t.optimizer.step()


def accumulated(t: Training) -> None:
    for _ in range(2):
        (t.loss() / 2).backward()  # type: ignore[no-untyped-call]
    t.clip()
    t.optimizer.step()
    t.optimizer.zero_grad()


def in_each_pass(t: Training) -> None:
    for _ in range(2):
        (t.loss() / 2).backward()  # type: ignore[no-untyped-call]
        t.clip()
    t.optimizer.step()
    t.optimizer.zero_grad()


def unscaled(t: Training) -> None:
    t.optimizer.zero_grad()
    t.scaler.scale(t.loss()).backward()  # type: ignore[no-untyped-call]
    t.scaler.unscale_(t.optimizer)
    t.clip()
    t.scaler.step(t.optimizer)
    t.scaler.update()


def not_at_all(t: Training) -> None:
    t.optimizer.zero_grad()
    t.loss().backward()  # type: ignore[no-untyped-call]
    t.optimizer.step()


def noise(t: Training) -> None:
    not_at_all(t)
    for p in t.parameters:
        assert p.grad is not None
        p.grad += torch.randn_like(p)


def centralised(t: Training) -> None:
    t.optimizer.zero_grad()
    t.loss().backward()  # type: ignore[no-untyped-call]
    for p in t.parameters:
        if p.grad is not None and p.dim() > 1:
            p.grad -= p.grad.mean(1, keepdim=True)
    t.clip()
    t.optimizer.step()


def scaled_instead_of_zeroed(t: Training) -> None:
    t.loss().backward()  # type: ignore[no-untyped-call]
    t.optimizer.step()
    for p in t.parameters:
        assert p.grad is not None
        p.grad *= 0.5


def twice(t: Training) -> None:
    """Once more to log a norm."""
    in_place(t)
    t.clip(1e9)


def with_a_smaller_limit_next(t: Training) -> None:
    t.optimizer.zero_grad()
    t.loss().backward()  # type: ignore[no-untyped-call]
    t.clip(1.0)
    t.clip(0.001)
    t.optimizer.step()


def values(t: Training) -> None:
    t.optimizer.zero_grad()
    t.loss().backward()  # type: ignore[no-untyped-call]
    clip_grad_value_(t.parameters, 0.01)
    t.optimizer.step()


def unscaled_then(t: Training, clip: Callable[[], None]) -> None:
    def unscale_and_clip() -> None:
        t.scaler.unscale_(t.optimizer)
        clip()

    scaled_then(t, unscale_and_clip)


def values_unscaled(t: Training) -> None:
    unscaled_then(t, lambda: clip_grad_value_(t.parameters, 1e-3))


def values_of_another(t: Training) -> None:
    """Whose gradients nobody here reads."""
    other = nn.Linear(2, 2)
    other(torch.ones(2)).sum().backward()
    not_at_all(t)
    clip_grad_value_(other.parameters(), 0.01)


def by_hand(t: Training) -> None:
    t.optimizer.zero_grad()
    t.loss().backward()  # type: ignore[no-untyped-call]
    clamp(t, 1e-4)
    t.optimizer.step()


def by_hand_of_nothing(t: Training) -> None:
    """Of zeros: it changes nothing, and leaves nothing to be seen."""
    t.optimizer.zero_grad(set_to_none=False)
    loss = t.loss()
    if t.parameters[0].grad is not None:
        clamp(t, 0.01)
    loss.backward()  # type: ignore[no-untyped-call]
    t.optimizer.step()


def by_hand_unscaled(t: Training) -> None:
    unscaled_then(t, lambda: clamp(t, 1e-4))


def norm_by_hand_unscaled(t: Training) -> None:
    unscaled_then(t, lambda: shorten(t, 1e-3))


def divided_while_scaled(t: Training) -> None:
    """By the number of batches that were added up."""

    def divide() -> None:
        for p in t.parameters:
            assert p.grad is not None
            p.grad /= 128

    scaled_then(t, divide)


def clamped_a_little_while_scaled(t: Training) -> None:
    """With a limit that was meant for scaled gradients."""
    scaled_then(t, lambda: clamp(t, 2.0**16))


def inside_a_closure(t: Training) -> None:
    def closure() -> Tensor:
        t.optimizer.zero_grad()
        loss = t.loss()
        loss.backward()  # type: ignore[no-untyped-call]
        t.clip()
        return loss

    t.optimizer.step(closure)


def of_two_optimizers(t: Training) -> None:
    first = torch.optim.SGD(t.rnn.parameters(), lr=1e-3)
    t.optimizer.zero_grad()
    t.loss().backward()  # type: ignore[no-untyped-call]
    t.clip()
    first.step()
    t.clip()
    t.optimizer.step()


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "step",
    [
        in_place,
        accumulated,
        in_each_pass,
        unscaled,
        not_at_all,
        noise,
        centralised,
        scaled_instead_of_zeroed,
        twice,
        with_a_smaller_limit_next,
        inside_a_closure,
        of_two_optimizers,
        values,
        values_unscaled,
        values_of_another,
        by_hand,
        by_hand_of_nothing,
        by_hand_unscaled,
        norm_by_hand_unscaled,
        divided_while_scaled,
        clamped_a_little_while_scaled,
    ],
)
def test_clipping_before_the_step_is_not_accused(step: Step, tmp_path: Path) -> None:
    assert findings(step, tmp_path / "run") == []


@pytest.mark.some(2)
@pytest.mark.parametrize("step", [in_place, unscaled, not_at_all, norm_by_hand_unscaled])
def test_what_a_guard_shortens_further_was_not_divided(step: Step, tmp_path: Path) -> None:
    assert findings(step, tmp_path / "run", limit=1e-4) == []
    assert "act_before/clip" in Run(tmp_path / "run").names


def test_a_guard_hides_no_clip_of_scaled_gradients(tmp_path: Path) -> None:
    (found,) = findings(before_unscale, tmp_path / "run", limit=1e-7)
    assert "act_before/clip" in Run(tmp_path / "run").names
    assert "still scaled" in found.message


def test_a_decay_that_an_optimizer_adds_to_gradients_is_no_clip(tmp_path: Path) -> None:
    """It is there after the step: longer here, and shorter with the other sign."""

    class Decays(torch.optim.SGD):
        def step(self) -> None:  # type: ignore[override]
            for group in self.param_groups:
                for p in group["params"]:
                    p.grad.sub_(0.1 * p.detach())
            super().step()

    def step(t: Training) -> None:
        not_at_all(t)

    training = Training()
    optimizer = Decays(training.parameters, lr=1e-3)
    training.optimizer = optimizer
    with watch(training.net, optimizer, tmp_path / "run", every=1):
        for _ in range(STEPS):
            step(training)
    assert "BKS421" not in {one.code for one in diagnose(Run(tmp_path / "run")).findings}


def test_a_limit_that_nothing_reaches_is_a_note_at_most(tmp_path: Path) -> None:
    def step(t: Training) -> None:
        not_at_all(t)
        t.clip(1e6)

    assert findings(step, tmp_path / "few") == []
    (found,) = findings(step, tmp_path / "many", 21)
    assert found.severity == "info"


@pytest.mark.long
def test_gradients_that_are_divided_by_hand_are_not_always_clipped(tmp_path: Path) -> None:
    """BKS403 compares norms; it is told what the clip itself has done."""

    def step(t: Training) -> None:
        t.optimizer.zero_grad()
        (1024 * t.loss()).backward()  # type: ignore[no-untyped-call]
        for p in t.parameters:
            assert p.grad is not None
            p.grad /= 1024
        t.clip(1.0)
        t.optimizer.step()

    assert findings(step, tmp_path / "run", 120) == []
    assert not diagnose(Run(tmp_path / "run")).lasting


def test_clip_functions_are_left_as_they_were(tmp_path: Path) -> None:
    """Also their answer, and what they say of a wrong call."""
    inside = clip_grad._group_tensors_by_device_and_dtype  # type: ignore[attr-defined]
    before = clip_grad.clip_grad_norm_, clip_grad._clip_grads_with_norm_
    training = Training()
    with watch(training.net, training.optimizer, tmp_path / "run", every=1):
        assert clip_grad.clip_grad_norm_ is before[0]
        training.loss().backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in training.parameters if p.grad is not None]
        norm = torch.stack([g.norm() for g in gradients]).norm()
        assert clip_grad_norm_(iter(training.parameters), 0.5) == pytest.approx(norm.item())
        with pytest.raises(ValueError, match="could not convert"):
            clip_grad_norm_(training.parameters, "large")  # type: ignore[arg-type]
        clip_grad_value_(iter(training.parameters), 0.01)
        assert max(g.abs().max().item() for g in gradients) == pytest.approx(0.01)
        with pytest.raises(ValueError, match="could not convert"):
            clip_grad_value_(training.parameters, "large")  # type: ignore[arg-type]
        training.optimizer.step()
    assert (clip_grad.clip_grad_norm_, clip_grad._clip_grads_with_norm_) == before
    assert clip_grad._group_tensors_by_device_and_dtype is inside  # type: ignore[attr-defined]


@pytest.mark.parametrize(("limit", "told"), [(1e-3, True), (1.0, False)])
def test_a_limit_that_is_always_on_is_told_without_an_optimizer(
    limit: float, told: bool, run_path: Path
) -> None:
    torch.manual_seed(0)
    rnn = nn.RNN(2, 4)
    with watch(rnn, None, run_path, every=1):
        for _ in range(16):
            rnn.zero_grad()
            rnn(torch.randn(5, 3, 2))[0].square().sum().backward()
            clip_grad_norm_(rnn.parameters(), limit)
            with torch.no_grad():
                for p in rnn.parameters():
                    assert p.grad is not None
                    p.sub_(p.grad, alpha=0.01)
    assert any(one.code == "BKS403" for one in diagnose(Run(run_path)).lasting) == told
