"""A watch on the wrist: long recordings, piece by piece, and at each moment what the wearer does."""

import sys
import time

import torch
from torch import nn

torch.manual_seed(1508)
torch.set_num_threads(1)
PIECE, PIECES, WEARERS, DOINGS = 10, 50, 12, 3


class Momentum(torch.optim.Optimizer):
    """Descent with momentum, as the lab has always written it."""

    def __init__(self, params, lr, momentum=0.9):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if "buffer" not in state:
                    state["buffer"] = torch.zeros_like(p.data)
                state["buffer"].mul_(group["momentum"]).add_(p.grad.data)
                p.data.add_(state["buffer"], alpha=-group["lr"])


def days(n, length):
    """Rest, walk or run, each for 20 moments or so; how strongly the wrist moves is all one sees."""
    doing = torch.empty(n, length, dtype=torch.long)
    doing[:, 0] = torch.randint(0, DOINGS, (n,))
    for t in range(1, length):
        stays = torch.rand(n) > 0.05
        doing[:, t] = torch.where(stays, doing[:, t - 1], torch.randint(0, DOINGS, (n,)))
    strength = torch.tensor([-1.0, 0.0, 1.0])[doing]
    return torch.stack((strength + 0.9 * torch.randn(n, length), torch.randn(n, length)), 2), doing


class DoingModel(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.size = size
        self.lstm = nn.LSTM(2, size, batch_first=True)
        self.out = nn.Linear(size, DOINGS)
        self.hidden = None

    def init_hidden(self, n):
        self.hidden = (torch.zeros(1, n, self.size), torch.zeros(1, n, self.size))

    def forward(self, x):
        if "--fixed" in sys.argv:
            self.hidden = tuple(h.detach() for h in self.hidden)
        out, self.hidden = self.lstm(x, self.hidden)
        return self.out(out)


model = DoingModel()
optimizer = Momentum(model.parameters(), lr=0.1)
for day in range(1, 8):
    moves, doing = days(WEARERS, PIECE * PIECES)
    model.init_hidden(WEARERS)
    right, began = 0.0, time.perf_counter()
    for k in range(PIECES):
        part = slice(k * PIECE, (k + 1) * PIECE)
        scores = model(moves[:, part])
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), doing[:, part].flatten())
        optimizer.zero_grad()
        loss.backward(retain_graph="--fixed" not in sys.argv)
        optimizer.step()
        right += (scores.argmax(2) == doing[:, part]).float().mean().item() / PIECES
        if k in (4, PIECES - 1):
            spent = time.perf_counter() - began
            print(f"day {day} piece {k + 1} loss {loss.item():.4f} seconds {spent:.2f}")
    print(f"day {day} right {right:.3f}")
