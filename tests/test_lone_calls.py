"""A layer that is called once an iteration gets no hooks, and what counts is told all the same."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from backsight import Run, watch
from backsight.monitor.events import LoneCalls

RARELY = 10**6
"""Only the first iteration is sampled."""

ITERATIONS, LAST = 25, 23
"""None of the last ones is looked at."""


def lengths(path: Path, extra: Callable[[nn.Module, Tensor], object], *, first: bool) -> list[int]:
    """Steps recorded of a training on sequences of 5, with more calls in the last iteration but
    one, before or after the training's own."""
    model = nn.GRU(2, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    kept = []
    with watch(model, optimizer, path, every=RARELY):
        for iteration in range(ITERATIONS):
            optimizer.zero_grad()
            if iteration == LAST and first:
                kept.append(extra(model, torch.ones(9, 2, 2)))
            loss = model(torch.ones(5, 2, 2))[0].sum()
            if iteration == LAST and not first:
                kept.append(extra(model, torch.ones(9, 2, 2)))
            loss.backward()
            optimizer.step()
    return [int(steps) for steps in Run(path)["seq_len"]]


@pytest.mark.some(2)
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    "extra",
    [
        lambda model, x: model(x) and None,
        lambda model, x: model(x)[0].sum(),  # its graph lives on, its output does not
        lambda model, x: model(x),
    ],
)
def test_a_call_without_a_backward_pass_does_not_count(
    extra: Callable[[nn.Module, Tensor], object], first: bool, run_path: Path
) -> None:
    assert lengths(run_path, extra, first=first) == [5] * ITERATIONS


def test_a_call_that_another_backward_pass_follows_counts(run_path: Path) -> None:
    found = lengths(run_path, lambda model, x: model(x)[0].sum().backward(), first=True)
    assert found == [9 if iteration == LAST else 5 for iteration in range(ITERATIONS)]


def test_only_the_first_iterations_have_hooks(
    run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooked: list[object] = []
    model = nn.GRU(2, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    follow = "backsight.monitor.events._lone_calls.follow"
    original = __import__("backsight.monitor.events._lone_calls", fromlist=["follow"]).follow

    def counted(*given: object) -> object:
        hooked.append(given)
        return original(*given)

    monkeypatch.setattr(follow, counted)
    with watch(model, optimizer, run_path, every=RARELY):
        for _ in range(31):  # 16, which is looked at, is the last one with hooks
            model(torch.ones(5, 2, 2))[0].sum().backward()
            optimizer.step()
    assert len(hooked) == 17


def test_nothing_of_a_call_is_kept_once_its_backward_pass_begins(run_path: Path) -> None:
    layer, calls = nn.GRU(2, 3), LoneCalls()
    for iteration in range(20):
        result = layer(torch.ones(5, 2, 2))
        calls.follow(layer, result, iteration)
    output = weakref.ref(result[0])
    assert calls.held is result
    calls.let_go()
    del result
    gc.collect()
    assert output() is None
