"""Numbers to foretell that end in a filler, which the loss compares, too."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight import diagnose, watch
from backsight.diagnosis import Finding

SEEN, ASKED, ROWS = 10, 9, 12
LENGTHS = torch.tensor([9, 2, 4, 3, 5, 2, 3, 9, 4, 6, 7, 8])
FILLED = (torch.arange(ASKED) >= LENGTHS[:, None])[..., None]

Loss = Callable[[Tensor, Tensor], Tensor]


class Foretelling(nn.Module):
    """By a layer that is given zeros, or step by step from what it has foretold."""

    def __init__(self, numbers: int, by_step: bool) -> None:
        super().__init__()
        self.encoder = nn.GRU(numbers, 6, batch_first=True)
        self.decoder: nn.Module = (
            nn.GRUCell(numbers, 6) if by_step else nn.GRU(1, 6, batch_first=True)
        )
        self.read = nn.Linear(6, numbers)

    def forward(self, x: Tensor) -> Tensor:
        h = self.encoder(x)[1]
        if isinstance(self.decoder, nn.GRU):
            y: Tensor = self.read(self.decoder(torch.zeros(len(x), ASKED, 1), h)[0])
            return y
        h, now, each = h[0], x[:, -1], []
        for _ in range(ASKED):
            h = self.decoder(now, h)
            now = now + self.read(h)
            each.append(now)
        return torch.stack(each, 1)


def numbers(of: str, count: int) -> Tensor:
    """``(B, T, K)`` targets."""
    y = torch.randn(ROWS, ASKED, count)
    if of == "sparse":
        return y * (torch.rand(ROWS, ASKED, 1) < 0.3)
    if of == "rain":
        return 3 * (y - 0.8).clamp(min=0)
    if of == "counts":
        return torch.poisson(y.exp()).clamp(min=1).masked_fill(FILLED, 0)
    if of == "come to rest":
        left = (LENGTHS[:, None] - torch.arange(ASKED)).clamp(min=0)[..., None]
        return (1 + y.abs()) * (1 - 0.7**left)
    if of == "a pose":
        return torch.where(FILLED, torch.arange(count) / count, y)
    return y.masked_fill(FILLED, 0)


def found(of: str, loss: Loss, folder: Path, count: int = 2, by_step: bool = True) -> list[Finding]:
    torch.manual_seed(0)
    model = Foretelling(count, by_step)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, folder / "run", every=1):
        for _ in range(4):
            optimizer.zero_grad()
            loss(model(torch.randn(ROWS, SEEN, count)), numbers(of, count)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return [one for one in diagnose(folder / "run").findings if one.code == "BKS420"]


@pytest.mark.some(2)
@pytest.mark.parametrize("by_step", [True, False])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "loss",
    [
        functional.mse_loss,
        lambda y, t: (t - y).square().mean(),
        lambda y, t: (y - t).abs().sum() / len(y),
        lambda y, t: functional.smooth_l1_loss(y, t, reduction="none").sum((1, 2)).mean(),
    ],
)
def test_numbers_that_are_filled_up_are_a_note(
    loss: Loss, count: int, by_step: bool, tmp_path: Path
) -> None:
    (one,) = found("filled", loss, tmp_path, count, by_step)
    assert one.severity == "info"
    assert "the targets end in one value" in one.message
    assert one.evidence == {"padding": pytest.approx(float(FILLED.float().mean()), rel=0.01)}


@pytest.mark.some(2)
@pytest.mark.parametrize("of", ["sparse", "rain", "counts", "come to rest", "a pose"])
@pytest.mark.parametrize("count", [1, 2])
def test_numbers_that_are_truly_so_are_not(of: str, count: int, tmp_path: Path) -> None:
    if of == "a pose" and count == 1:
        pytest.skip("one number is a filler")
    assert not found(of, functional.mse_loss, tmp_path, count)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "loss",
    [
        lambda y, t: ((y - t).square() * ~FILLED).sum() / (~FILLED).sum(),
        lambda y, t: functional.mse_loss(y * ~FILLED, t),
        lambda y, t: functional.mse_loss(y[~FILLED[..., 0]], t[~FILLED[..., 0]]),
        lambda y, t: (functional.mse_loss(y, t, reduction="none") * ~FILLED).mean(),
    ],
)
@pytest.mark.parametrize("by_step", [True, False])
def test_fillers_that_have_no_weight_are_not_told(
    loss: Loss, by_step: bool, tmp_path: Path
) -> None:
    assert not found("filled", loss, tmp_path, by_step=by_step)


@pytest.mark.parametrize("layer", [nn.GRU, nn.LSTM])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("again", [True, False])
def test_where_data_are_given_at_each_step_the_numbers_may_be_what_they_mean(
    layer: type[nn.GRU | nn.LSTM], batch_first: bool, again: bool, tmp_path: Path
) -> None:
    """Not where they are the same at each of them: then nothing tells where a sequence ends."""
    torch.manual_seed(0)
    model = nn.ModuleDict({"rnn": layer(3, 6, batch_first=batch_first), "read": nn.Linear(6, 2)})
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, tmp_path / "run", every=1):
        for _ in range(4):
            optimizer.zero_grad()
            x = (
                torch.randn(ROWS, 1, 3).expand(-1, ASKED, -1)
                if again
                else torch.randn(ROWS, ASKED, 3)
            )
            x, y = (
                each if batch_first else each.transpose(0, 1) for each in (x, numbers("filled", 2))
            )
            functional.mse_loss(model["read"](model["rnn"](x)[0]), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    told = [one for one in diagnose(tmp_path / "run").findings if one.code == "BKS420"]
    assert [one.severity for one in told] == ["info"] * again
