"""How far an optimizer moves everything together, worked out by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from backsight import Run, watch
from backsight.probes import ParameterUpdates
from backsight.probes._parameters import ELEMENTS


class Two(nn.Module):
    """Two tensors whose gradients are (3, 4) and 12."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = nn.Parameter(torch.zeros(2))
        self.one = nn.Parameter(torch.zeros(1))

    def forward(self) -> torch.Tensor:
        return (self.pair * torch.tensor([3.0, 4.0])).sum() + 12 * self.one.sum()


def recorded(path: Path, make: Any, steps: int = 2, factor: float = 1.0) -> Run:
    model = Two()
    optimizer = make(model.parameters())
    with watch(model, optimizer, path, every=1):
        for _ in range(steps):
            optimizer.zero_grad()
            (factor * model()).backward()
            optimizer.step()
    return Run(path)


def test_of_sgd_with_momentum(run_path: Path) -> None:
    """‖g‖ = 13; the second step is 1.5 times as long."""
    run = recorded(run_path, lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.5))
    assert run["effective_lr"].tolist() == pytest.approx([0.5, 0.75])
    rms = 0.5 * 13 / 3**0.5
    assert run["update_rms"].tolist() == pytest.approx([rms, 1.5 * rms])


def test_of_adam_each_element_moves_by_the_learning_rate(run_path: Path) -> None:
    run = recorded(run_path, lambda p: torch.optim.Adam(p, lr=0.01, eps=0.0))
    assert run["update_rms"].tolist() == pytest.approx([0.01, 0.01])
    assert run["effective_lr"].tolist() == pytest.approx([0.01 * 3**0.5 / 13] * 2)


def test_without_a_gradient_there_is_no_rate(run_path: Path) -> None:
    run = recorded(run_path, lambda p: torch.optim.SGD(p, lr=0.5), factor=0.0)
    assert run["effective_lr"].tolist() == [0.0, 0.0]
    assert run["update_rms"].tolist() == [0.0, 0.0]


def test_a_gradient_that_is_not_finite_gives_no_number_that_is(run_path: Path) -> None:
    run = recorded(run_path, lambda p: torch.optim.SGD(p, lr=0.5), 1, float("nan"))
    assert np.isnan(run["effective_lr"]).all()
    assert np.isnan(run["update_rms"]).all()


def test_of_a_large_parameter_some_elements_stand_for_all() -> None:
    large = nn.Parameter(torch.zeros(4 * ELEMENTS))
    small = nn.Parameter(torch.zeros(3))
    updates = ParameterUpdates({"large": large, "small": small})
    with torch.no_grad():
        large.add_(0.5)
        small.add_(2.0)
    updates.measure()
    assert updates.elements == 4 * ELEMENTS + 3
    assert float(updates.length) == pytest.approx((0.25 * 4 * ELEMENTS + 4 * 3) ** 0.5)
