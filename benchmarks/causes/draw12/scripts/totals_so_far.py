"""A simple rectified net, begun at the identity, keeps the running totals of two meters."""

import sys

import torch
from torch import nn

torch.manual_seed(1224)
torch.set_num_threads(1)
STEPS = 30


class Totals(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.rnn = nn.RNN(2, size, nonlinearity="relu", batch_first=True)
        nn.init.eye_(self.rnn.weight_hh_l0)
        self.head = nn.Linear(size, 2)

    def forward(self, readings):
        return self.head(self.rnn(readings)[0])


def meters(n=32):
    readings = torch.rand(n, STEPS, 2)
    return readings, readings.cumsum(1) / 3


def train(model, steps, gradient_clipping_norm=1.0):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.002, momentum=0.9)
    for step in range(1, steps + 1):
        model.train()
        optimizer.zero_grad()
        readings, totals = meters()
        loss = nn.functional.mse_loss(model(readings), totals)
        if "--fixed" in sys.argv:
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), gradient_clipping_norm)
        else:
            nn.utils.clip_grad_norm_(model.parameters(), gradient_clipping_norm)
            loss.backward()
        optimizer.step()
        if step % 100 == 0:
            model.eval()
            readings, totals = meters(200)
            with torch.no_grad():
                error = (model(readings) - totals).abs().mean()
            print(f"step {step} loss {loss.item():.5f} mean error {error:.4f}")


train(Totals(), 700)
