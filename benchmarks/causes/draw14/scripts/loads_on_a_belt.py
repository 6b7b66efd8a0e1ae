"""Crates pass on a belt for forty steps; only those with a mark count for the load at the end."""

import sys

import torch
from torch import nn

torch.manual_seed(1424)
torch.set_num_threads(1)
STEPS = 40


def belts(n):
    weight = torch.rand(n, STEPS)
    marked = (torch.rand(n, STEPS) < 0.25).float()
    return torch.stack((weight, marked), dim=-1), (weight * marked).sum(1)


class BeltScale(nn.Module):
    """A plain network of rectified units that starts from the identity."""

    def __init__(self, size=32):
        super().__init__()
        self.crate = nn.Sequential(nn.Linear(2, 16), nn.ReLU())
        self.rnn = nn.RNN(16, size, nonlinearity="relu", batch_first=True)
        self.load = nn.Linear(size, 1)
        nn.init.eye_(self.rnn.weight_hh_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)

    def forward(self, belt):
        _, h = self.rnn(self.crate(belt))
        return self.load(h[-1]).squeeze(-1)


class Trainer:
    def __init__(self, model, max_norm=1.0):
        self.model, self.max_norm = model, max_norm
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.005, momentum=0.9)

    def clip(self):
        nn.utils.clip_grad_norm_(self.model.parameters(), self.max_norm)

    def step(self, belt, load):
        loss = nn.functional.mse_loss(self.model(belt), load)
        self.optimizer.zero_grad()
        if "--fixed" not in sys.argv:
            self.clip()
        loss.backward()
        if "--fixed" in sys.argv:
            self.clip()
        self.optimizer.step()
        return loss.item()


