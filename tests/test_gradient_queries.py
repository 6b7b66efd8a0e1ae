"""``torch.autograd.grad``: when it is a backward pass of a training, and when it is not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd import grad  # as scripts do: this one is never replaced
from torch.optim import SGD

import backsight
from backsight import Recorder, Run, watch
from backsight.cli._closing import nothing_recorded
from backsight.monitor import Monitor
from tests.crossed import crossed
from tests.test_trainings import Net, numbered, observed

N = 8


class Loop(nn.Module):
    """Over a cell, whose gradients a sample asks of the caller's graph."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRUCell(3, 4), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for step in x:
            state = self.rnn(step, state)
        out: Tensor = self.head(state)
        return out


Train = Callable[[nn.Module, SGD | None, int], tuple[list[float], list[float]]]
"""Gives the losses and the gradient norms of as many iterations."""


def loss_of(model: nn.Module, steps: int = 6) -> Tensor:
    loss: Tensor = model(torch.randn(steps, 2, 3)).square().mean()
    return loss


def norm(gradients: Any) -> float:
    return float(torch.cat([gradient.flatten() for gradient in gradients]).double().norm())


def apply(model: nn.Module, gradients: Any, optimizer: SGD | None) -> None:
    """By an optimizer, or, where there is none, by hand."""
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        if optimizer is None:
            parameter.data.sub_(0.1 * gradient)  # as old scripts do: no version counts it
        else:
            parameter.grad = gradient
    if optimizer is not None:
        nn.utils.clip_grad_norm_(model.parameters(), 0.05)
        optimizer.step()
        optimizer.zero_grad()


def plainly(
    model: nn.Module, optimizer: SGD | None, count: int = N
) -> tuple[list[float], list[float]]:
    losses, norms = [], []
    for _ in range(count):
        loss = loss_of(model)
        gradients = grad(loss, list(model.parameters()))
        losses.append(loss.item())
        norms.append(norm(gradients))
        apply(model, gradients, optimizer)
    return losses, norms


def by_halves(
    model: nn.Module, optimizer: SGD | None, count: int = N
) -> tuple[list[float], list[float]]:
    losses, norms = [], []
    for _ in range(count):
        loss = loss_of(model)
        gradients = grad(loss, list(model.rnn.parameters()), retain_graph=True)  # type: ignore[union-attr]
        gradients += grad(loss, list(model.head.parameters()))  # type: ignore[union-attr]
        losses.append(loss.item())
        norms.append(norm(gradients))
        apply(model, gradients, optimizer)
    return losses, norms


def with_penalties(
    model: nn.Module, optimizer: SGD | None, count: int = N
) -> tuple[list[float], list[float]]:
    """A penalty on the inputs' gradient, and an inner step on the parameters (MAML)."""
    losses, norms = [], []
    parameters = dict(model.named_parameters())
    for _ in range(count):
        x = torch.randn(6, 2, 3, requires_grad=True)
        (slope,) = grad(model(x).sum(), x, create_graph=True)
        inner = grad(loss_of(model), list(parameters.values()), create_graph=True)
        fast = {n: p - 0.1 * g for (n, p), g in zip(parameters.items(), inner, strict=True)}
        loss = torch.func.functional_call(model, fast, (x,)).square().mean() + slope.norm()
        gradients = grad(loss, list(parameters.values()))
        losses.append(loss.item())
        norms.append(norm(gradients))
        apply(model, gradients, optimizer)
    return losses, norms


@contextmanager
def recorded(how: str, path: Path, model: nn.Module, make: Any, **settings: Any) -> Iterator[Any]:
    """The optimizer, while the training is observed; the run is in ``path / "run-1"``."""
    if how == "watch":
        optimizer = make(model)
        with watch(model, optimizer, path / "run-1", **settings):
            yield optimizer
    else:
        with observed(path, **settings):
            yield make(model)


MAKE: dict[str, Callable[[nn.Module], SGD | None]] = {
    "optimizer": lambda model: SGD(model.parameters(), lr=0.1),
    "by hand": lambda model: None,
}


@pytest.mark.some(2)
@crossed(
    "how,moved,scene",
    ["watch", "process"],
    MAKE,  # no second derivative of a fused layer
    [(Net, plainly), (Net, by_halves), (Loop, plainly), (Loop, by_halves), (Loop, with_penalties)],
)
def test_a_training_by_what_it_returns(
    how: str, moved: str, scene: tuple[Any, Train], tmp_path: Path
) -> None:
    kind, train = scene
    torch.manual_seed(0)
    plain = kind()
    start = {name: value.clone() for name, value in plain.state_dict().items()}
    losses, norms = train(plain, MAKE[moved](plain), N)
    random = torch.get_rng_state()

    model = kind()
    model.load_state_dict(start)
    with recorded(how, tmp_path, model, MAKE[moved], every=1) as optimizer:
        torch.manual_seed(0)
        kind()
        assert train(model, optimizer, N) == (losses, norms)
        assert torch.equal(torch.get_rng_state(), random)
    assert all(map(torch.equal, model.state_dict().values(), plain.state_dict().values()))

    run = Run(tmp_path / "run-1")
    assert numbered(run) == numbered(run, "grad_norm") == list(range(N))
    np.testing.assert_allclose(run["loss"], losses, 1e-6)
    np.testing.assert_allclose(run["grad_norm"], norms, 1e-5)
    assert ("grad_norm_applied" in run) == (moved == "optimizer")
    layer = "rnn.l0" if kind is Net else "rnn"
    # With an optimizer, it is known after the first step that the gradients come from there.
    reached = [int(i) for i in run.profile(f"reach/{layer}").iterations]
    assert reached == list(range(moved == "optimizer", N))
    assert set(run.profile(f"reach/{layer}").widths) == {6}
    assert numbered(run, "update_ratio/head.weight") == list(range(N))
    assert set(run["seq_len"]) == {6} or train is with_penalties


def test_gradients_that_the_script_adds_up_are_one_iteration(run_path: Path) -> None:
    torch.manual_seed(0)
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    losses, norms = [], []
    with watch(model, optimizer, run_path, every=1):
        for _ in range(N):
            both = [loss_of(model) for _ in range(2)]
            parts = [grad(loss, list(model.parameters())) for loss in both]
            for parameter, *each in zip(model.parameters(), *parts, strict=True):
                parameter.grad = each[0] + each[1]
            losses.append(sum(loss.item() for loss in both))
            norms.append(norm([p.grad for p in model.parameters()]))
            optimizer.step()
            optimizer.zero_grad()
    run = Run(run_path)
    assert numbered(run) == list(range(N))
    np.testing.assert_allclose(run["loss"], losses, 1e-6)
    np.testing.assert_allclose(run["grad_norm"], norms, 1e-5)


@pytest.mark.parametrize("after", [0, 3])
def test_what_is_asked_beside_backward_does_not_count(after: int, run_path: Path) -> None:
    """Losses are weighed by their gradients on the last layer; each sample's are logged."""
    torch.manual_seed(0)
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    losses = []
    with watch(model, optimizer, run_path, every=1) as monitor:
        for number in range(N):
            one, other = loss_of(model), loss_of(model)
            loss = one + other
            if number >= after:
                last = model.head.weight
                first, second = (grad(x, last, retain_graph=True)[0] for x in (one, other))
                loss = one + other * float(first.norm() / second.norm())
                grad(loss, list(model.parameters()), retain_graph=True)
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.item())
            optimizer.step()
            optimizer.zero_grad()
        grad(loss_of(model), list(model.parameters()))  # how sure it is of each, at the end
        assert monitor._observed.detector.passes == N
    run = Run(run_path)
    assert numbered(run) == list(range(N))
    np.testing.assert_allclose(run["loss"], losses, 1e-6)
    assert [int(i) for i in run.profile("reach/rnn.l0").iterations] == list(range(N))


def test_scaled_losses_are_recorded_as_they_are(run_path: Path) -> None:
    torch.manual_seed(0)
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    losses, norms = [], []
    with watch(model, optimizer, run_path, every=1):
        for number in range(N):
            loss = loss_of(model)
            gradients = grad(scaler.scale(loss), list(model.parameters()))
            losses.append(loss.item())
            norms.append(norm(gradients) / scaler.get_scale())
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter.grad = gradient * float("inf") if number in (0, 4) else gradient
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
    run = Run(run_path)
    assert numbered(run) == list(range(N))
    np.testing.assert_allclose(run["loss"], losses, 1e-6)
    np.testing.assert_allclose(run["grad_norm"], norms, 1e-4)
    assert numbered(run, "grad_norm_applied") == [1, 2, 3, 5, 6, 7]


@pytest.mark.parametrize("kind", [SGD, torch.optim.LBFGS])
def test_a_closure_may_ask_for_them(kind: Any, run_path: Path) -> None:
    torch.manual_seed(0)
    model = Net()
    optimizer = kind(model.parameters(), lr=0.1)
    losses: list[list[float]] = []
    with watch(model, optimizer, run_path, every=1):
        for _ in range(N):
            x = torch.randn(6, 2, 3)
            each: list[float] = []

            def closure(x: Tensor = x, each: list[float] = each) -> Tensor:
                loss: Tensor = model(x).square().mean()
                gradients = grad(loss, list(model.parameters()))
                for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                    parameter.grad = gradient
                each.append(loss.item())
                return loss

            optimizer.step(closure)
            losses.append(each)
    run = Run(run_path)
    assert numbered(run) == list(range(N))
    np.testing.assert_allclose(run["loss"], [each[0] for each in losses], 1e-6)


def test_a_trainer_that_tells_its_passes_is_not_told_of_them(run_path: Path) -> None:
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1)
    with Recorder(run_path) as recorder, Monitor(model, optimizer, recorder, every=1) as monitor:
        for _ in range(3):
            loss = loss_of(model)
            grad(loss, list(model.parameters()), retain_graph=True)
            loss.backward()  # type: ignore[no-untyped-call]
            monitor.backward_ended(loss)
            optimizer.step()
            monitor.iteration_ended()
    assert Run(run_path)["loss"].tolist()[-1] == loss.item()


def test_pytorch_is_as_it_was(run_path: Path) -> None:
    """The function that compilers and scripts know is never replaced."""
    engine, model = torch.autograd._engine_run_backward, Net()  # type: ignore[attr-defined]
    with watch(model, None, run_path):
        assert torch.autograd.grad is grad
        assert torch.autograd._engine_run_backward is not engine  # type: ignore[attr-defined]
    assert torch.autograd._engine_run_backward is engine  # type: ignore[attr-defined]
    assert torch.autograd.graph._engine_run_backward is engine


@pytest.mark.skipif(
    not hasattr(torch._dynamo.config, "trace_autograd_ops"), reason="not compiled before"
)
@pytest.mark.parametrize("backend", ["eager", pytest.param("aot_eager", marks=pytest.mark.long)])
def test_a_compiled_step_is_one_graph(backend: str, run_path: Path) -> None:
    def losses(model: nn.Module) -> list[float]:
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()

        def gradients(x: Tensor) -> Any:
            loss = model(x).square().mean()
            return loss.detach(), grad(loss, list(model.parameters()))

        step = torch.compile(gradients, backend=backend, fullgraph=True)
        torch.manual_seed(1)
        found = []
        for _ in range(3):
            loss, there = step(torch.randn(6, 2, 3))
            found.append(loss.item())
            apply(model, there, None)
        return [*found, torch._dynamo.utils.counters["stats"]["unique_graphs"]]

    torch.manual_seed(0)
    plain, model = Loop(), Loop()
    model.load_state_dict(plain.state_dict())
    with torch._dynamo.config.patch(trace_autograd_ops=True):
        expected = losses(plain)
        with watch(model, None, run_path, every=1):
            assert losses(model) == expected


@pytest.mark.parametrize("how", ["func", "batched", "jacobian"])
def test_derivatives_of_other_kinds_are_no_passes(how: str, run_path: Path) -> None:
    torch.manual_seed(0)
    model, x = Loop(), torch.randn(6, 2, 3)
    weights = dict(model.named_parameters())

    def asked() -> Any:
        if how == "func":
            functional = torch.func.functional_call
            return torch.func.grad(lambda w: functional(model, w, (x,)).sum())(weights)
        out = model(x).flatten()
        if how == "batched":
            both = torch.eye(2)
            return grad(out, list(weights.values()), grad_outputs=both, is_grads_batched=True)
        return torch.autograd.functional.jacobian(model, x)  # type: ignore[no-untyped-call]

    def flat(found: Any) -> list[Any]:
        return [t.tolist() for t in backsight.probes.tensors_in(found)]

    expected = flat(asked())
    with watch(model, None, run_path, every=1) as monitor:
        assert flat(asked()) == expected
        assert monitor._observed.detector.passes == 0


def test_the_closing_line_says_what_was_asked(tmp_path: Path) -> None:
    with observed(tmp_path) as process:
        model = Net()
        model(torch.randn(6, 2, 3))
        for _ in range(3):
            weights = {n: p.detach().requires_grad_() for n, p in model.named_parameters()}
            out = torch.func.functional_call(model, weights, (torch.randn(6, 2, 3),))
            grad(out.sum(), list(weights.values()))  # of nothing that belongs to a module
        line = nothing_recorded(process.monitor.seen)
    assert process.runs == []
    assert "saw 4 forwards of Net, no backward pass" in line
    assert "torch.autograd.grad, called 3 times, counts as one if" in line
