"""The share of recent iterations whose gradient was clipped, against a count by hand."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import SGD

from backsight import Guard, Run, watch
from backsight.guard import ClipNorm

LIMIT = 1.0


class Scaled(nn.Module):
    """Its gradient is what it is called with."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))

    def forward(self, gradient: torch.Tensor) -> torch.Tensor:
        return (self.weight * gradient).sum()


def gradients(n: int, seed: int = 3) -> Iterator[torch.Tensor]:
    """Of norms and elements on both sides of the limit."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n):
        yield torch.rand(2, generator=generator) * 1.5


def shares(run: Run) -> list[tuple[int, float]]:
    series = run.series("clipped_share")
    return list(zip(series.iterations.tolist(), series.values.tolist(), strict=True))


def slow_count(acts: list[bool], every: int) -> list[tuple[int, float]]:
    """From the lists alone, in each sampled iteration."""
    found = []
    for at in range(0, len(acts), every):
        recent = acts[max(0, at - 99) : at + 1]
        found.append((at, sum(recent) / len(recent)))
    return found


@pytest.mark.parametrize(
    ("clip", "acts"),
    [
        (clip_grad_norm_, lambda g: float(g.norm()) > LIMIT),
        (clip_grad_value_, lambda g: float(g.abs().max()) > LIMIT),
    ],
)
def test_as_a_slow_count_says(
    clip: Callable[..., object], acts: Callable[[torch.Tensor], bool], run_path: Path
) -> None:
    """Over more iterations than count, most of which are not sampled."""
    model = Scaled()
    optimizer = SGD(model.parameters(), lr=0.01)
    each = list(gradients(250))
    with watch(model, optimizer, run_path, every=7):
        for gradient in each:
            optimizer.zero_grad()
            model(gradient).backward()
            clip(model.parameters(), LIMIT)
            optimizer.step()
    expected = slow_count([acts(g) for g in each], 7)
    assert 0 < sum(map(acts, each)) < len(each)
    assert [one for one in shares(Run(run_path)) if one[0] % 7 == 0] == expected


def test_the_guards_clips_count(run_path: Path) -> None:
    model = Scaled()
    optimizer = SGD(model.parameters(), lr=0.01)
    guard = Guard(model, optimizer, ClipNorm(LIMIT))
    each = list(gradients(30))
    with watch(model, optimizer, run_path, every=1, guard=guard):
        for gradient in each:
            optimizer.zero_grad()
            loss = model(gradient)
            loss.backward()
            guard.step(loss)
    acts = [float(g.norm()) > LIMIT for g in each]
    first = acts.index(True)
    assert shares(Run(run_path)) == slow_count(acts, 1)[first:]


def test_what_no_step_reads_does_not_count(run_path: Path) -> None:
    """Called after the step, when the gradients have been read."""
    model = Scaled()
    optimizer = SGD(model.parameters(), lr=0.01)
    with watch(model, optimizer, run_path, every=1):
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.tensor([3.0, 4.0])).backward()
            optimizer.step()
            clip_grad_norm_(model.parameters(), LIMIT)
    assert not Run(run_path).members("clipped_share")


def test_of_two_optimizers_the_second_reads_what_is_clipped_between_them(run_path: Path) -> None:
    model = nn.ModuleList([Scaled(), Scaled()])
    first, second = (SGD(part.parameters(), lr=0.01) for part in model)
    with watch(model, [first, second], run_path, every=1):
        for size in (2.0, 0.5):
            model.zero_grad()
            sum(part(torch.tensor([size, 0.0])) for part in model).backward()
            first.step()
            clip_grad_norm_(model[1].parameters(), LIMIT)
            second.step()
    assert shares(Run(run_path)) == [(0, 1.0), (1, 0.5)]


def test_without_a_clip_nothing_is_recorded(run_path: Path) -> None:
    model = Scaled()
    optimizer = SGD(model.parameters(), lr=0.01)
    with watch(model, optimizer, run_path, every=1):
        model(torch.tensor([3.0, 4.0])).backward()
        optimizer.step()
    assert not Run(run_path).members("clipped_share")
