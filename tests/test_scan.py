"""Many recurrent layers at once, against one at a time on autograd's graph."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck

from backsight.errors import SettingError
from backsight.nn import GradientTrace, Workspace, scan
from backsight.nn._scan import Nonlinearity

NONLINEARITIES: tuple[Nonlinearity, ...] = ("tanh", "relu")
SHAPES = {
    "usual": (3, 6, 4, 2, 5),
    "one step": (3, 1, 4, 2, 5),
    "one network": (1, 6, 4, 2, 5),
    "one sequence": (3, 6, 1, 2, 5),
    "one unit and input": (3, 6, 4, 1, 1),
}
"""K, T, B, I, H."""
EXACT: dict[str, Any] = {"atol": 1e-10, "rtol": 0.0}


@dataclass
class Given:
    """What a scan takes, float64 and all with a gradient."""

    x: Tensor
    w_ih: Tensor
    w_hh: Tensor
    bias: Tensor
    h0: Tensor

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.x, self.w_ih, self.w_hh, self.bias, self.h0))


def given(shape: tuple[int, int, int, int, int], own: bool = False) -> Given:
    """Random numbers, the same each time."""
    torch.manual_seed(0)
    K, T, B, I, H = shape  # noqa: E741
    shapes = (((K, T, B, I) if own else (T, B, I)), (K, H, I), (K, H, H), (K, H), (K, B, H))
    return Given(*(torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes))


def unrolled(
    tensors: Given, nonlinearity: str
) -> tuple[Tensor, list[list[Tensor]], list[list[Tensor]]]:
    """States ``(K, T, B, H)``, and by network and step what goes into φ and comes out of it."""
    x, w_ih, w_hh, bias, h0 = tensors
    before, after = [], []
    for k in range(len(w_ih)):
        h, inside, states = h0[k], [], []
        for xt in x[k] if x.dim() == 4 else x:
            total = xt @ w_ih[k].T + h @ w_hh[k].T + bias[k]
            h = torch.tanh(total) if nonlinearity == "tanh" else torch.relu(total)
            total.retain_grad()
            h.retain_grad()
            inside.append(total)
            states.append(h)
        before.append(inside)
        after.append(states)
    return torch.stack([torch.stack(states) for states in after]), before, after


# -- against a loop --------------------------------------------------------------------------


@pytest.mark.parametrize("every_step", [True, False], ids=["every step", "last step"])
@pytest.mark.parametrize("own", [True, False], ids=["own inputs", "shared inputs"])
@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_states_and_all_gradients_are_those_of_an_unrolled_loop(
    shape: tuple[int, int, int, int, int], nonlinearity: Nonlinearity, own: bool, every_step: bool
) -> None:
    tensors = given(shape, own)
    states = scan(*tensors, nonlinearity=nonlinearity, every_step=every_step)
    reference, _, _ = unrolled(tensors, nonlinearity)
    if not every_step:
        reference = reference[:, -1]
    torch.testing.assert_close(states, reference, **EXACT)
    direct = torch.randn_like(states)
    found = torch.autograd.grad((states * direct).sum(), list(tensors))
    expected = torch.autograd.grad((reference * direct).sum(), list(tensors))
    for gradient, other in zip(found, expected, strict=True):
        assert other.any()
        torch.testing.assert_close(gradient, other, **EXACT)


@pytest.mark.some(2)
@pytest.mark.parametrize("every_step", [True, False])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
def test_gradcheck(nonlinearity: Nonlinearity, own: bool, every_step: bool) -> None:
    def states(*tensors: Tensor) -> Tensor:
        return scan(*tensors, nonlinearity=nonlinearity, every_step=every_step)

    assert gradcheck(states, tuple(given((2, 4, 3, 2, 3), own)))


@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_a_network_is_what_pytorchs_own_module_makes_of_its_weights(
    nonlinearity: Nonlinearity, dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(0)
    modules = [nn.RNN(3, 16, nonlinearity=nonlinearity).to(dtype) for _ in range(5)]
    x = torch.randn(20, 4, 3, dtype=dtype)
    stacked = [
        torch.stack([getattr(m, f"{name}_l0").detach() for m in modules]).requires_grad_()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    w_ih, w_hh, b_ih, b_hh = stacked
    states = scan(x, w_ih, w_hh, b_ih + b_hh, nonlinearity=nonlinearity)
    states.square().sum().backward()  # type: ignore[no-untyped-call]
    for k, module in enumerate(modules):
        alone, _ = module(x)
        alone.square().sum().backward()
        torch.testing.assert_close(states[k], alone, atol=tolerance, rtol=tolerance)
        for mine, (name, theirs) in zip(stacked, module.named_parameters(), strict=True):
            assert mine.grad is not None
            assert theirs.grad is not None
            torch.testing.assert_close(
                mine.grad[k], theirs.grad, atol=tolerance, rtol=tolerance, msg=name
            )


def test_a_gradient_that_is_one_number_expanded_is_taken_like_any_other() -> None:
    tensors = given((3, 6, 4, 2, 5))
    (found,) = torch.autograd.grad(scan(*tensors).sum(), tensors.w_hh)
    (expected,) = torch.autograd.grad(unrolled(tensors, "tanh")[0].sum(), tensors.w_hh)
    torch.testing.assert_close(found, expected, **EXACT)


@pytest.mark.parametrize("every_step", [True, False])
def test_only_what_needs_a_gradient_gets_one(every_step: bool) -> None:
    x, w_ih, w_hh, bias, h0 = given((3, 6, 4, 2, 5))
    everything = torch.autograd.grad(scan(x, w_ih, w_hh, bias, h0).sum(), w_hh)[0]
    states = scan(x.detach(), w_ih.detach(), w_hh, bias.detach(), h0.detach())
    states.sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is w_ih.grad is bias.grad is h0.grad is None
    torch.testing.assert_close(w_hh.grad, everything, **EXACT)


# -- the gradient through time ---------------------------------------------------------------


@pytest.mark.parametrize("every_step", [True, False])
@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
def test_what_is_kept_of_the_gradient_through_time_is_what_a_retained_graph_has(
    nonlinearity: Nonlinearity, every_step: bool
) -> None:
    tensors = given((3, 6, 4, 2, 5))
    through = GradientTrace()
    states = scan(*tensors, nonlinearity=nonlinearity, every_step=every_step, through=through)
    direct = torch.randn_like(states)
    (states * direct).sum().backward()  # type: ignore[no-untyped-call]
    reference, before, after = unrolled(tensors, nonlinearity)
    ((reference if every_step else reference[:, -1]) * direct).sum().backward()  # type: ignore[no-untyped-call]

    def gradients(kept: list[list[Tensor]]) -> Tensor:
        return torch.stack(
            [torch.stack([t.grad for t in row if t.grad is not None]) for row in kept]
        )

    torch.testing.assert_close(through.delta, gradients(before), **EXACT)
    norms = gradients(after).norm(dim=-1)
    torch.testing.assert_close(through.norms, norms, **EXACT)
    torch.testing.assert_close(through.grad_time, norms.mean(2), **EXACT)
    back = norms.mean(2).flip(1)
    torch.testing.assert_close(through.reach, back / back[:, :1], **EXACT)


def test_reach_falls_and_grows_as_the_recurrent_weight_says() -> None:
    """One ReLU unit that never rests: the gradient is the weight to the power of the lag."""
    weights = torch.tensor([0.5, 1.0, 1.25], dtype=torch.float64)
    through = GradientTrace()
    states = scan(
        torch.ones(9, 1, 1, dtype=torch.float64),
        torch.ones(3, 1, 1, dtype=torch.float64),
        weights.view(3, 1, 1).requires_grad_(),
        torch.zeros(3, 1, dtype=torch.float64),
        nonlinearity="relu",
        every_step=False,
        through=through,
    )
    states.sum().backward()  # type: ignore[no-untyped-call]
    expected = weights[:, None] ** torch.arange(9)
    torch.testing.assert_close(through.reach, expected, **EXACT)


def test_keeping_it_does_not_change_the_gradient() -> None:
    tensors = given((3, 6, 4, 2, 5))
    plain = torch.autograd.grad(scan(*tensors).square().sum(), list(tensors))
    kept = torch.autograd.grad(
        scan(*tensors, through=GradientTrace()).square().sum(), list(tensors)
    )
    assert all(torch.equal(a, b) for a, b in zip(plain, kept, strict=True))


# -- networks do not touch -------------------------------------------------------------------


@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_broken_network_breaks_alone(nonlinearity: Nonlinearity, bad: float) -> None:
    x, *weights = (t.detach() for t in given((3, 6, 4, 2, 5)))

    def run(w_hh: Tensor) -> list[Tensor]:
        leaves = [t.clone().requires_grad_() for t in (weights[0], w_hh, weights[2], weights[3])]
        through = GradientTrace()
        states = scan(x, *leaves, nonlinearity=nonlinearity, through=through)
        states.square().sum().backward()  # type: ignore[no-untyped-call]
        gradients = [t.grad for t in leaves if t.grad is not None]
        return [states.detach(), through.norms, *gradients]

    broken = weights[1].clone()
    broken[1, 0, 0] = bad
    for sound, sick in zip(run(weights[1]), run(broken), strict=True):
        assert torch.equal(sound[[0, 2]], sick[[0, 2]])
    if bad != bad:
        assert all(t[1].isnan().any() for t in run(broken))


# -- memory used again -----------------------------------------------------------------------


@pytest.mark.parametrize("every_step", [True, False])
def test_a_workspace_changes_no_number_whatever_was_in_it(every_step: bool) -> None:
    workspace = Workspace()
    for shape in ((3, 6, 4, 2, 5), (2, 3, 4, 2, 5), (4, 9, 2, 3, 6), (3, 6, 4, 2, 5)):
        tensors = given(shape)
        anew = scan(*tensors, every_step=every_step)
        again = scan(*tensors, every_step=every_step, workspace=workspace)
        assert torch.equal(anew, again)
        expected = torch.autograd.grad(anew.square().sum(), list(tensors))
        found = torch.autograd.grad(again.square().sum(), list(tensors))
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
        for kept in workspace._kept.values():
            kept.fill_(torch.nan)


def test_a_workspace_serves_another_dtype() -> None:
    workspace = Workspace()
    tensors = [t.detach() for t in given((3, 6, 4, 2, 5))]
    scan(*tensors, workspace=workspace)
    single = [t.float() for t in tensors]
    assert torch.equal(scan(*single, workspace=workspace), scan(*single))


@pytest.mark.parametrize("every_step", [True, False])
def test_a_backward_pass_that_comes_too_late_for_its_workspace_is_refused(every_step: bool) -> None:
    workspace, tensors = Workspace(), given((3, 6, 4, 2, 5))
    early = scan(*tensors, every_step=every_step, workspace=workspace)
    scan(*tensors, every_step=every_step, workspace=workspace)
    with pytest.raises(RuntimeError, match="modified"):
        early.sum().backward()  # type: ignore[no-untyped-call]


# -- what is refused -------------------------------------------------------------------------


def test_a_second_derivative_is_refused() -> None:
    tensors = given((3, 6, 4, 2, 5))
    with pytest.raises(SettingError, match="first derivatives only"):
        torch.autograd.grad(scan(*tensors).sum(), tensors.w_hh, create_graph=True)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("x", (6, 4, 3)), ("x", (2, 6, 4, 2)), ("x", (4, 2)), ("w_ih", (5, 2)), ("w_hh", (3, 5, 4)),
     ("bias", (5,)), ("h0", (4, 5))],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_told(name: str, shape: tuple[int, ...]) -> None:
    tensors = {n: t.detach() for n, t in vars(given((3, 6, 4, 2, 5))).items()}
    tensors[name] = torch.zeros(shape)
    with pytest.raises(SettingError, match=r"expected x \(T, B, I\) or \(K, T, B, I\)") as caught:
        scan(**tensors)
    assert f"{name} {shape}" in str(caught.value)


def test_a_scan_of_no_steps_is_refused() -> None:
    with pytest.raises(SettingError, match="at least one step"):
        scan(*given((3, 0, 4, 2, 5)))
