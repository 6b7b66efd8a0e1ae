"""The parallel scan of a diagonal linear recurrence, against a loop over steps in float64."""

from typing import Any

import pytest
import torch
from torch import Tensor

from backsight.errors import SettingError
from backsight.nn import _linear_scan, linear_scan, linear_scan_reversed


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def loop(a: Tensor, b: Tensor, h0: Tensor | None) -> Tensor:
    """``(…, T, H)``, step by step."""
    h = torch.zeros_like(b[..., 0, :]) if h0 is None else h0
    states = []
    for t in range(b.shape[-2]):
        h = a[..., t, :] * h + b[..., t, :]
        states.append(h)
    return torch.stack(states, -2)


def decays(kind: str, steps: int) -> Tensor:
    shape, complex_ = (2, steps, 3), torch.complex128
    made = {
        "gates": lambda: torch.rand(shape, dtype=torch.float64),
        "near one": lambda: 1 - 1e-6 * torch.rand(shape, dtype=torch.float64),
        "zero": lambda: torch.zeros(shape, dtype=torch.float64),
        "some zero": lambda: (torch.rand(shape, dtype=torch.float64) < 0.9).double(),
        "tiny": lambda: torch.full(shape, 1e-300, dtype=torch.float64),
        "negative": lambda: torch.rand(shape, dtype=torch.float64) * 2 - 1,
        "shared": lambda: torch.rand(steps, 3, dtype=torch.float64),
        "turning": lambda: torch.polar(
            torch.rand(steps, 3, dtype=torch.float64), torch.rand(steps, 3, dtype=torch.float64) * 6
        ).to(complex_),
    }
    return made[kind]()


KINDS = ["gates", "near one", "zero", "some zero", "tiny", "negative", "shared", "turning"]


@pytest.mark.parametrize(
    ("kind", "steps"),
    [(kind, 37) for kind in KINDS] + [("gates", n) for n in (1, 2, 64, 1000)] + [("tiny", 1000)],
)
def test_states_and_gradients_are_those_of_a_loop(kind: str, steps: int) -> None:
    a = decays(kind, steps)
    b, h0 = torch.randn(2, steps, 3, dtype=a.dtype), torch.randn(2, 3, dtype=a.dtype)
    weights = torch.randn(2, steps, 3, dtype=a.dtype)
    found = []
    for run in (linear_scan, loop):
        given = [x.clone().requires_grad_() for x in (a, b, h0)]
        states = run(*given)
        loss = (states * weights).real.sum() if a.is_complex() else (states * weights).sum()
        found.append([states.detach(), *torch.autograd.grad(loss, given)])
    for scanned, looped in zip(*found, strict=True):
        torch.testing.assert_close(scanned, looped, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", ["gates", "turning"])
def test_wide_steps_run_one_after_the_other(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same numbers; on a CPU that is faster."""
    a = decays(kind, 50)
    b, h0 = torch.randn(2, 50, 3, dtype=a.dtype), torch.randn(2, 3, dtype=a.dtype)
    by_blocks = linear_scan(a, b, h0), linear_scan_reversed(a, b)
    monkeypatch.setattr(_linear_scan, "WIDE", 1)
    step_by_step = linear_scan(a, b, h0), linear_scan_reversed(a, b)
    torch.testing.assert_close(step_by_step[0], loop(a, b, h0), rtol=1e-15, atol=1e-15)
    for one, other in zip(by_blocks, step_by_step, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_a_scan_goes_on_from_the_state_of_another_one() -> None:
    a, b = torch.rand(2, 9, 3, dtype=torch.float64), torch.randn(2, 9, 3, dtype=torch.float64)
    whole = linear_scan(a, b)
    first = linear_scan(a[:, :4], b[:, :4])
    second = linear_scan(a[:, 4:], b[:, 4:], first[:, -1])
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_first_and_second_derivatives(dtype: torch.dtype) -> None:
    # Two blocks and a rest.
    given = [
        torch.randn(*n, dtype=dtype, requires_grad=True) for n in [(35, 1), (2, 35, 1), (2, 1)]
    ]
    with torch.no_grad():
        given[0] *= 0.3
    assert torch.autograd.gradcheck(linear_scan, given)
    given = [one[..., :5, :] if one.shape[-2] == 35 else one for one in given]
    assert torch.autograd.gradgradcheck(linear_scan, given)


def test_the_gradient_of_what_is_added_is_that_of_the_state() -> None:
    """As the reach needs it: of the last step's state, the products of what is kept."""
    a = torch.tensor([[0.9], [0.5], [0.25], [0.5]], dtype=torch.float64)
    direct = torch.tensor([[0.0], [0.0], [1.0], [2.0]], dtype=torch.float64)
    # 2; 1 + 0.5·2; 0.25·2; 0.5·0.5
    assert linear_scan_reversed(a, direct).flatten().tolist() == [0.25, 0.5, 2.0, 2.0]


def test_a_nan_stays_in_its_sequence_and_goes_on_to_its_later_steps() -> None:
    a, b = torch.full((2, 6, 1), 0.5), torch.ones(2, 6, 1)
    b[0, 3] = torch.nan
    assert linear_scan(a, b).isnan()[..., 0].tolist() == [
        [False, False, False, True, True, True],
        [False] * 6,
    ]


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        ([(4, 3), (2, 5, 3)], r"a \(4, 3\), b \(2, 5, 3\): expected"),
        ([(3,), (3,)], r"a \(3,\), b \(3,\)"),
        ([(2, 0, 3), (2, 0, 3)], "at least one step"),
        ([(3, 4, 3), (2, 4, 3)], "expected a and b"),
        ([(2, 4, 3), (2, 4, 3), (3,)], r"and h0 \(3,\): expected"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(shapes: list[Any], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        linear_scan(*(torch.zeros(shape) for shape in shapes))
