"""Each clip against its published rule, written out here, on norms of a run that has everything."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backsight.guard import AGC, AutoClip, ClipAuto, ClipNorm, ClipValue, Guard, Policy, ZClip
from tests.guarded import drive, net

RNG = np.random.default_rng(0)
NORMS = np.exp(RNG.normal(0, 0.5, 200))
NORMS[[40, 90, 91, 150]] *= 50
BROKEN = NORMS.copy()
BROKEN[[3, 30, 120]] = [math.nan, math.inf, math.nan]


def applied(policy: Policy, norms: "np.ndarray") -> Iterator[float]:
    """What of each norm the optimizer saw."""
    model = nn.Linear(3, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-12)
    guard = Guard(model, optimizer, policy)
    seen: list[float] = []

    def note(*_: object) -> None:
        there = [p.grad.double() for p in model.parameters() if p.grad is not None]
        seen.append(float(torch.cat([g.flatten() for g in there]).norm()))

    optimizer.register_step_pre_hook(note)
    for norm in norms:
        drive(guard, [1.0], [float(norm)])
        yield seen[-1]


def the_same(found: Iterator[float], expected: list[float]) -> None:
    for n, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert a == pytest.approx(b, rel=1e-5, nan_ok=True), n


def test_autoclip_is_a_quantile_of_what_was() -> None:
    """Seetharaman et al. 2020; what is not finite is left out of the history."""
    history: list[float] = []
    expected = []
    for norm in BROKEN:
        if math.isfinite(norm):
            history.append(norm)
            last = sorted(history[-50:])
            limit = last[math.floor(0.8 * len(last))]
            expected.append(min(norm, limit))
        else:
            expected.append(norm)
    the_same(applied(AutoClip(share=0.8, window=50), BROKEN), expected)


def test_zclip_is_as_published_and_survives_nan() -> None:
    """Kumar et al. 2025: moving averages of what is left; after the first 25 norms' own."""
    z, alpha, warmup = 2.5, 0.97, 25
    expected: list[float] = []
    first: list[float] = []
    mean = variance = math.nan
    for norm in BROKEN:
        if not math.isfinite(norm):
            expected.append(norm)
            continue
        if len(first) < warmup:
            first.append(norm)
            mean, variance = float(np.mean(first)), float(np.var(first))
            expected.append(norm)
            continue
        score = (norm - mean) / (variance**0.5 + 1e-6)
        left = mean + z**2 / score * variance**0.5 if score > z else norm
        expected.append(left)
        mean = alpha * mean + (1 - alpha) * left
        variance = alpha * variance + (1 - alpha) * (left - mean) ** 2
    the_same(applied(ZClip(), BROKEN), expected)


def test_the_automatic_clip_is_by_median_and_spread_of_the_logarithm() -> None:
    """As its docstring says: Adam, so that the norms alone decide; from the sixth norm on."""
    history: list[float] = []
    expected = []
    for norm in BROKEN:
        limit = math.inf
        if len(history) >= 5:
            last = history[-100:]
            middle = float(np.median(last))
            spread = 1.4826 * float(np.median(np.abs(np.array(last) - middle)))
            limit = math.exp(middle + max(math.log(10), 6 * spread))
        if math.isfinite(norm):
            history.append(math.log(norm))
            expected.append(norm if norm <= limit else 2 * math.exp(middle))  # to what is usual
        else:
            expected.append(norm)
    assert sum(a < b for a, b in zip(expected, BROKEN, strict=True)) >= 2
    the_same(applied(ClipAuto(), BROKEN), expected)


def gradients(seed: int, factor: float) -> tuple[nn.Module, list[Tensor]]:
    model = net()
    generator = torch.Generator().manual_seed(seed)
    found = []
    for parameter in model.parameters():
        parameter.grad = factor * torch.randn(parameter.shape, generator=generator)
        found.append(parameter.grad.clone())
    return model, found


def clipped(policy: Policy, model: nn.Module) -> list[Tensor]:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-12)
    with Guard(model, optimizer, policy) as guard:
        guard.step(1.0)
    return [p.grad for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3, 1e25])
def test_norm_and_value_are_pytorchs_own(factor: float) -> None:
    """Also where the squares of float32 overflow, which PyTorch's own norm does not survive."""
    model, before = gradients(1, factor)
    reference = nn.Parameter(torch.cat([g.flatten() for g in before]).double())
    for policy, clip in (
        (ClipNorm(norm=2.0), lambda p: torch.nn.utils.clip_grad_norm_(p, 2.0)),
        (ClipValue(value=0.7), lambda p: torch.nn.utils.clip_grad_value_(p, 0.7)),
    ):
        model, _ = gradients(1, factor)
        reference.grad = reference.detach().clone()
        clip(reference)
        found = torch.cat([g.flatten() for g in clipped(policy, model)]).double()
        assert torch.allclose(found, reference.grad, rtol=1e-5, atol=0), policy


@pytest.mark.parametrize("factor", [1e-3, 1.0, 100.0])
def test_agc_is_a_loop_over_units(factor: float) -> None:
    """Brock et al. 2021: ‖g_i‖ at most λ·max(‖w_i‖, ε), unit by unit."""
    model, before = gradients(2, factor)
    expected = []
    for parameter, gradient in zip(model.parameters(), before, strict=True):
        rows = parameter.detach() if parameter.dim() > 1 else parameter.detach()[None]
        parts = gradient if gradient.dim() > 1 else gradient[None]
        new = [
            g * min(1.0, 0.1 * max(float(w.norm()), 1e-3) / float(g.norm()))
            for g, w in zip(parts, rows, strict=True)
        ]
        expected.append(torch.stack(new).view_as(gradient))
    for found, wanted in zip(clipped(AGC(ratio=0.1), model), expected, strict=True):
        assert torch.allclose(found, wanted, rtol=1e-5, atol=0)


def test_a_clip_keeps_the_direction_and_a_norm_within_is_bit_identical() -> None:
    model, before = gradients(3, 1.0)
    total = float(torch.cat([g.flatten() for g in before]).norm())
    for a, b in zip(clipped(ClipNorm(norm=total * 1.001), model), before, strict=True):
        assert torch.equal(a, b)
    model, before = gradients(3, 1.0)
    for a, b in zip(clipped(ClipNorm(norm=total / 4), model), before, strict=True):
        assert torch.allclose(a, b / 4, rtol=1e-5, atol=0)
