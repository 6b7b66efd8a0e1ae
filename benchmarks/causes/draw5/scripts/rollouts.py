"""Rollouts lay flat in memory, one environment after the other. A view gave the steps-first shape
that the network wants, and chopped the rollouts up."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5116)
torch.set_num_threads(1)

B, T, F = 20, 10, 5


def add_time_dimension(flat):
    if FIXED:
        return flat.view(B, T, -1).transpose(0, 1)
    return flat.view(T, B, -1)


class ValueNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(F, 32), nn.Tanh())
        self.lstm = nn.LSTM(32, 32)
        self.value_branch = nn.Linear(32, 1)

    def forward(self, flat):
        features, _ = self.lstm(add_time_dimension(self.fc(flat)))
        return self.value_branch(features)


def collect():
    """The reward at each step is how far all moves so far have led."""
    moves = torch.randn(B, T, F) * 0.7
    place = torch.tanh(moves[..., 0].cumsum(1) * 0.6 - moves[..., 1].cumsum(1) * 0.4)
    return moves.reshape(B * T, F), place.reshape(B * T, 1)


net = ValueNet()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for it in range(600):
    obs, returns = collect()
    vf_loss = (net(obs) - add_time_dimension(returns)).pow(2).mean()
    optimizer.zero_grad()
    vf_loss.backward()
    optimizer.step()
    if it % 120 == 119:
        print(f"iter {it + 1}: vf_loss={vf_loss.item():.4f}")
