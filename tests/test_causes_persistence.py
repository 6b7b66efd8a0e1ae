"""What repeating the newest value gives, against a loop; and the note where a loss is no better."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight import watch
from backsight.diagnosis import Judge
from backsight.probes import LayerInput, Persistence, loss_terms
from backsight.signals import Run
from tests.causes import UNITS, rnn

T, B, F = 9, 3, 4

LossOf = Callable[[Tensor, Tensor], Tensor]
"""Of predictions and next values, each ``(T, B, F)``."""

LOSSES: dict[str, tuple[LossOf, Callable[[float], float]]] = {
    "squared": (functional.mse_loss, lambda d: d * d),
    "summed": (
        lambda z, y: functional.mse_loss(z, y, reduction="sum") / 2,
        lambda d: d * d * T * B * F / 2,
    ),
    "absolute": (functional.l1_loss, abs),
    "Huber's": (
        lambda z, y: functional.huber_loss(z, y, delta=0.5),
        lambda d: d * d / 2 if abs(d) < 0.5 else 0.5 * (abs(d) - 0.25),
    ),
}


def series(seed: int = 0) -> Tensor:
    """Walks, ``(T + 1, B, F)``."""
    return torch.randn(T + 1, B, F, generator=torch.Generator().manual_seed(seed)).cumsum(0)


def recorded(loss: LossOf, folder: Path, whole: Tensor, *, steps: int = 0, scale: int = 1) -> Run:
    """Two looks at a training."""
    layer, head = rnn(inputs=F, batch_first=steps == 1), nn.Linear(UNITS, F)
    model = nn.ModuleList([layer, head])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale, enabled=scale != 1)
    with watch(model, optimizer, folder / "run", every=1):
        for _ in range(2):
            x, y = (one.movedim(0, steps) for one in (whole[:-1], whole[1:]))
            scaled = scaler.scale(loss(head(layer(x)[0]), y))
            scaled.backward()  # type: ignore[no-untyped-call]
            scaler.step(optimizer)
            scaler.update()
    return Run(folder / "run")


@pytest.mark.parametrize("which", LOSSES)
@pytest.mark.parametrize("steps", [0, 1])
def test_the_loss_of_the_previous_value(which: str, steps: int, tmp_path: Path) -> None:
    loss, each = LOSSES[which]
    whole = series()
    run = recorded(loss, tmp_path, whole, steps=steps, scale=1024 if steps else 1)
    x = whole.double().tolist()
    slow = [
        each(x[t][b][f] - x[t + 1][b][f])
        for t in range(T) for b in range(B) for f in range(F)
    ]  # fmt: skip
    assert run["persistence_loss"][0] == pytest.approx(math.fsum(slow) / len(slow), rel=1e-5)
    first = together = second = squares = 0.0
    for t in range(T - 1):
        for b in range(B):
            for f in range(F):
                one, next_ = x[t + 1][b][f] - x[t][b][f], x[t + 2][b][f] - x[t + 1][b][f]
                first += one**2
                second += next_**2
                together += one * next_
                squares += (one * next_) ** 2
    most = (abs(together) + 2 * math.sqrt(squares)) / math.sqrt(first * second)
    assert run["increment_correlation"][0] == pytest.approx(most, rel=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        lambda z, y: functional.mse_loss(z, y.roll(1, 0)),  # not the next value
        lambda z, y: functional.mse_loss(z[-1], y[-1]),  # of the last step alone
        lambda z, y: functional.mse_loss(z, y) + z.square().mean(),  # more than that loss
        lambda z, y: functional.cross_entropy(z.flatten(0, 1), y.flatten(0, 1).argmax(1)),
        lambda z, y: functional.binary_cross_entropy_with_logits(z, y),
    ],
)
def test_what_is_no_forecast_of_the_next_value_is_not_recorded(
    loss: LossOf, tmp_path: Path
) -> None:
    assert "persistence_loss" not in recorded(loss, tmp_path, series()).names


def test_a_series_that_stands_still_says_nothing(tmp_path: Path) -> None:
    still = torch.ones(T + 1, B, F)
    assert "persistence_loss" not in recorded(functional.mse_loss, tmp_path, still).names


@pytest.mark.parametrize(
    ("follows", "least", "most"), [(0.0, 0.0, 0.15), (0.5, 0.4, 0.6), (-0.5, 0.4, 0.6)]
)
def test_increments_that_follow_each_other(follows: float, least: float, most: float) -> None:
    """Increments ``d_t = e_t + k e_{t-1}`` correlate by ``k / (1 + k²)``, which is 0.4."""
    e = torch.randn(52, 40, 1, generator=torch.Generator().manual_seed(1))
    whole = (e[1:] + follows * e[:-1]).cumsum(0)
    z = torch.zeros(50, 40, 1, requires_grad=True)
    (term,) = loss_terms([functional.mse_loss(z + 0, whole[1:])])
    seen = Persistence()
    assert seen.add(term.given, LayerInput("rnn", whole[:-1], steps=0))
    assert least < seen.correlation < most


def told(levels: list[float], correlation: float) -> list[str]:
    """What is said of a loss that has these levels for 60 iterations each; repeating gives 2."""
    judge = Judge()
    for at, level in enumerate(level for level in levels for _ in range(60)):
        values = {"loss": level}
        if at % 20 == 19:
            values |= {"persistence_loss": 2.0, "increment_correlation": correlation}
        judge.update(at, values)
    lasting = judge.diagnosis().lasting
    return [f"{f.severity} {f.message}" for f in lasting if f.code == "BKS304"]


def test_a_loss_at_persistence_is_a_note() -> None:
    (walk,) = told([3.0, 2.05], 0.15)
    assert walk == (
        "info the loss is at 2.05; repeating the newest value gives 2; successive increments are "
        "not correlated, as in a random walk, of which no forecast is better"
    )
    (other,) = told([3.0, 1.95], 0.16)
    assert other == "info the loss is at 1.95; repeating the newest value gives 2"


@pytest.mark.parametrize("levels", [[3.0, 1.9], [3.0, 2.1], [3.0, 2.0, 1.5]])
def test_a_loss_that_is_another_one_is_not(levels: list[float]) -> None:
    assert told(levels, 0.0) == []


def test_a_head_on_the_layer(tmp_path: Path) -> None:
    """One feature, and targets without its axis."""
    layer, head = nn.GRU(1, 3), nn.Linear(3, 1)
    model = nn.ModuleList([layer, head])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    whole = series()[..., :1]
    with watch(model, optimizer, tmp_path / "run", every=1):
        z = head(layer(whole[:-1])[0])[..., 0]
        loss = functional.mse_loss(z, whole[1:, :, 0])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    found = Run(tmp_path / "run")["persistence_loss"][0]
    assert found == pytest.approx(float((whole[1:] - whole[:-1]).square().mean()))
