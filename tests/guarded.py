"""A small training to guard: everything about it follows from the iteration's number."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from backsight.guard import Guard, Intervention


class Net(nn.Module):
    """Recurrent, with buffers, dropout and a parameter that is never used."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(2, 6, batch_first=True)
        self.norm = nn.BatchNorm1d(6)
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(6, 1)
        self.unused = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.norm(self.rnn(x)[0][:, -1])
        out: Tensor = self.out(self.drop(hidden))
        return out[:, 0]


class Data:
    """Batches by their number, which goes back with the rest."""

    def __init__(self) -> None:
        self.place = 0

    def draw(self) -> tuple[int, Tensor, Tensor]:
        number, self.place = self.place, self.place + 1
        generator = torch.Generator().manual_seed(number)
        x = torch.randn(16, 5, 2, generator=generator)
        return number, x, x[:, -1, 0] + 0.5 * x[:, -2, 1]

    def state_dict(self) -> dict[str, Any]:
        return {"place": self.place}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.place = state_dict["place"]


Spoil = Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]]


def unspoilt(_: int, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return x, y


def nan_at(*numbers: int) -> Spoil:
    """These batches are NaN."""

    def spoil(number: int, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return (x * float("nan"), y) if number in numbers else (x, y)

    return spoil


def net(seed: int = 0) -> Net:
    torch.manual_seed(seed)
    return Net()


def sgd(model: nn.Module, lr: float = 0.02) -> Optimizer:
    return torch.optim.SGD(model.parameters(), lr=lr)


def backward(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    loss: Tensor = (model(x) - y).pow(2).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    return loss


def train(
    model: nn.Module,
    optimizer: Optimizer,
    guard: Guard | None,
    steps: int,
    *,
    data: Data | None = None,
    spoil: Spoil = unspoilt,
    each: Callable[[int], None] = lambda step: None,
) -> list[int]:
    """Numbers of the batches that were trained on."""
    data = data or Data()
    used: list[int] = []
    for step in range(steps):
        number, x, y = data.draw()
        while guard is not None and guard.should_skip_batch():
            number, x, y = data.draw()
        used.append(number)
        optimizer.zero_grad()
        loss = backward(model, *spoil(number, x, y))
        if guard is None:
            optimizer.step()
        else:
            guard.step(loss)
        each(step)
    return used


def drive(
    guard: Guard, losses: Iterable[float | None], norms: Iterable[float] | None = None
) -> list[tuple[Intervention, ...]]:
    """Steps with these losses and gradients of these norms, all elements alike."""
    losses = list(losses)
    done = []
    parameters = [p for p in guard.model.parameters() if p.requires_grad]
    count = sum(p.numel() for p in parameters)
    for loss, norm in zip(losses, norms or [0.1] * len(losses), strict=True):
        for parameter in parameters:
            parameter.grad = torch.full_like(parameter, norm / count**0.5)
        done.append(guard.step(loss))
    return done


def everything(model: nn.Module, optimizer: Optimizer) -> dict[str, Any]:
    """What training is made of, to be compared bit for bit."""
    state = optimizer.state_dict()
    return copy.deepcopy(
        {"model": model.state_dict(), "optimizer": state, "random": torch.get_rng_state()}
    )


def same(a: Any, b: Any) -> bool:
    """Bit for bit, in everything nested; a number that is NaN is the same as any other NaN."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and (a.dtype, a.shape) == (b.dtype, b.shape) and torch.equal(
            *(t.detach().reshape(-1).view(torch.uint8) for t in (a, b))
        )  # fmt: skip
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b or (a != a and b != b))
