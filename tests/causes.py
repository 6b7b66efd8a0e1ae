"""Trainings of a few steps, and what is found in them."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from backsight import diagnose, watch
from backsight.diagnosis import Finding

STEPS, BATCH, INPUTS, UNITS = 6, 10, 3, 4

Loss = Callable[[nn.ModuleDict], Tensor]


def findings(
    code: str, loss: Loss, folder: Path, modules: dict[str, nn.Module], iterations: int = 3
) -> list[Finding]:
    """What is found under ``code`` in a training of a few steps, each of them a sample."""
    torch.manual_seed(0)
    model = nn.ModuleDict(modules)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, folder / "run", every=1):
        for _ in range(iterations):
            optimizer.zero_grad()
            loss(model).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    diagnosis = diagnose(folder / "run")
    verdict = next(one for one in diagnosis.verdicts if one.code == code)
    if not verdict.findings:
        assert verdict.outcome == "healthy", verdict
    return list(verdict.findings)


def rnn(kind: str = "GRU", inputs: int = INPUTS, **settings: bool | int) -> nn.RNNBase:
    """A layer of ``UNITS`` units."""
    layer: nn.RNNBase = getattr(nn, kind)(inputs, UNITS, **settings)
    return layer


def drawn(*shape: int) -> Tensor:
    """So many inputs."""
    return torch.randn(*shape, INPUTS)
