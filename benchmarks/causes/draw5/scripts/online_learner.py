"""Each call of partial_fit made an optimizer of its own; what Adam had gathered was lost with it."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5150)
torch.set_num_threads(1)


class OnlineForecaster:
    def __init__(self, width=28, lr=0.02):
        self.net = nn.ModuleDict(
            {"gru": nn.GRU(2, width, batch_first=True), "out": nn.Linear(width, 1)}
        )
        self.lr = lr
        self.optim = None

    def set_parameters(self):
        self.optim = torch.optim.Adam(self.net.parameters(), lr=self.lr)

    def predict(self, x):
        return self.net["out"](self.net["gru"](x)[0][:, -1])[:, 0]

    def partial_fit(self, x, y):
        if self.optim is None or not FIXED:
            self.set_parameters()
        loss = nn.functional.mse_loss(self.predict(x), y)
        self.optim.zero_grad()
        loss.backward()
        self.optim.step()
        return loss.item()


def arrivals(n=16, t=10):
    x = torch.randn(n, t, 2)
    return x, 0.7 * x[:, -1, 0] + 0.5 * x[:, -3, 1] * x[:, -2, 0] + 0.1 * torch.randn(n)


model = OnlineForecaster()
errors = [model.partial_fit(*arrivals()) for _ in range(600)]
for k in range(0, 600, 120):
    print(f"calls {k + 1}-{k + 120}: {sum(errors[k : k + 120]) / 120:.4f}")
