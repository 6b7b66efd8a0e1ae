"""A plate under the carpet feels the steps of four walkers; a GRU tells whose gait it is."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(50)
torch.set_num_threads(1)
T, WALKERS = 20, 4


def gaits(n):
    """Two cells of the plate; walkers differ in their pace and in which foot is the heavier."""
    who = torch.randint(0, WALKERS, (n,))
    pace = torch.tensor([4.0, 4.0, 6.0, 6.0])[who].view(n, 1)
    lag = torch.tensor([0.25, 0.5, 0.25, 0.5])[who].view(n, 1)
    turn = torch.arange(T) / pace + torch.rand(n, 1)
    left = torch.sin(2 * math.pi * turn)
    right = torch.sin(2 * math.pi * (turn + lag))
    x = torch.stack([left, right], 2)
    return x + 0.3 * torch.randn_like(x), who


def shuffled(x, y):
    order = torch.randperm(len(x))
    if "--fixed" in sys.argv:
        return x[order], y[order]
    return x[order], y[order.argsort()]


class GaitNet(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True)
        self.norm = nn.LayerNorm(size)
        self.who = nn.Linear(size, WALKERS)

    def forward(self, x):
        rows, _ = self.gru(x)
        return self.who(self.norm(rows[:, -1]))


x, y = shuffled(*gaits(800))
x_train, y_train, x_test, y_test = x[:640], y[:640], x[640:], y[640:]
model = GaitNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(1, 22):
    model.train()
    losses = []
    for rows in torch.randperm(len(x_train)).split(40):
        loss = loss_fn(model(x_train[rows]), y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        right = (model(x_test).argmax(1) == y_test).float().mean().item()
    if epoch % 3 == 1:
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} test right {right:.3f}")
