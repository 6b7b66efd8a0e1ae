"""Targets that are sums of the steps before tell which axis is time."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from backsight.probes.wiring import sums_across
from tests.causes import findings, rnn

STEPS, ROWS = 24, 32


def sums(of: Tensor, kind: str) -> Tensor:
    """``(T, B)``, along the first axis."""
    x = of.sum(2)
    if kind == "an echo":
        return x.roll(3, 0)
    if kind == "a mean of the last":
        return (x + x.roll(1, 0) + x.roll(2, 0)) / 3
    slow, each = torch.zeros_like(x[0]), []
    for now in x:
        slow = 0.7 * slow + 0.5 * now
        each.append(slow)
    return torch.stack(each)


@pytest.mark.parametrize("kind", ["an echo", "a mean of the last", "a slow one"])
@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("numbers", [1, 4])
def test_sums_of_the_steps_before_are_told(kind: str, noise: float, numbers: int) -> None:
    torch.manual_seed(1)
    x = torch.randn(STEPS, ROWS, numbers)
    y = sums(x, kind) + noise * torch.randn(STEPS, ROWS)
    several = torch.stack([y, torch.randn(STEPS, ROWS)], 2)
    for target in (y, several, y.t(), several.transpose(0, 1)):
        assert not sums_across(x, target)
        assert sums_across(x.transpose(0, 1), target)


def correlated(shape: tuple[int, ...], factor: float, axis: int) -> Tensor:
    """Numbers that go with those before them."""
    drawn = torch.randn(shape).movedim(axis, 0)
    each = [drawn[0]]
    for now in drawn[1:]:
        each.append(factor * each[-1] + (1 - factor**2) ** 0.5 * now)
    return torch.stack(each).movedim(0, axis)


@pytest.mark.some(9)
@pytest.mark.parametrize("within", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("between", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("numbers", [1, 3])
def test_days_in_a_row_are_no_sequences(
    within: float, between: float, backwards: bool, numbers: int
) -> None:
    """The target of each row is the next day, which is the next row's input."""
    torch.manual_seed(2)
    for _ in range(8):
        days = correlated((STEPS, ROWS + 1, numbers), within, 0)
        days = days + 2 * correlated((1, ROWS + 1, 1), between, 1)
        for of in (days, correlated((STEPS, ROWS + 1, numbers), between, 1)):
            x, y = of[:, :-1], of[:, 1:]
            x, y = (x.flip(1), y.flip(1)) if backwards else (x, y)
            assert not sums_across(x, y)
            assert not sums_across(x, y.sum(2))


def seasons() -> Tensor:
    return (2 + torch.sin(torch.arange(ROWS + 1) * 0.3))[None, :, None] * torch.rand(STEPS, 1, 1)


def weeks() -> Tensor:
    week = torch.rand(STEPS, 7)
    return week[:, torch.arange(ROWS + 1) % 7][..., None]


def test_days_that_repeat_are_no_sequences() -> None:
    torch.manual_seed(3)
    for days in (seasons(), weeks()):
        for noise in (0.0, 0.1):
            noisy = days + noise * torch.randn(days.shape)
            assert not sums_across(noisy[:, :-1], noisy[:, 1:])


@pytest.mark.parametrize("stride", [1, 2, 4, 8, 12, 24])
@pytest.mark.parametrize("factor", [0.0, 0.5, 0.9])
def test_windows_of_one_series_are_no_sequences(stride: int, factor: float) -> None:
    torch.manual_seed(4)
    series = correlated((2 * STEPS + stride * ROWS,), factor, 0)
    starts = range(0, stride * ROWS, stride)
    x = torch.stack([series[s : s + STEPS] for s in starts], 1)[..., None]
    y = torch.stack([series[s + STEPS : s + 2 * STEPS] for s in starts], 1)
    assert not sums_across(x, y)
    assert not sums_across(x, sums(x, "a mean of the last"))


@pytest.mark.parametrize("of", ["its own input", "noise", "both axes", "a constant", "NaN"])
def test_what_is_no_sum_of_steps_before_is_not(of: str) -> None:
    torch.manual_seed(5)
    for _ in range(20):
        x = torch.randn(STEPS, ROWS, 4)
        y = {
            "its own input": x.sum(2),
            "noise": torch.randn(STEPS, ROWS),
            "both axes": x.sum(2).roll(2, 0) + x.sum(2).roll(2, 1),
            "a constant": torch.ones(STEPS, ROWS),
            "NaN": torch.full((STEPS, ROWS), torch.nan),
        }[of]
        assert not sums_across(x, y)
        assert not sums_across(x.transpose(0, 1), y)


@pytest.mark.parametrize("batch_first", [False, True])
def test_a_layer_that_takes_rows_for_steps_is_told(batch_first: bool, tmp_path: Path) -> None:
    def loss(m: torch.nn.ModuleDict) -> Tensor:
        x = torch.randn(ROWS, STEPS, 3)
        y = torch.stack([sums(x.transpose(0, 1), one).t() for one in ("an echo", "a slow one")], 2)
        return torch.nn.functional.mse_loss(m["read"](m["rnn"](x)[0]), y)

    modules = {"rnn": rnn(batch_first=batch_first), "read": torch.nn.Linear(4, 2)}
    each = findings("BKS408", loss, tmp_path, modules, 4)
    assert [one.severity for one in each] == ["error"] * (not batch_first)
