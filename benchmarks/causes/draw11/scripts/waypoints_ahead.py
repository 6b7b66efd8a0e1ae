"""Where does the walker stand next? A GRU is shown ten places and says the following one."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1105)
torch.set_num_threads(1)


class WaypointPredictor(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(2, 24), nn.ReLU())
        self.gru = nn.GRU(24, 32, batch_first=True)
        self.place = nn.Linear(32, 2)

    def forward(self, seen):
        _, last = self.gru(self.encode(seen))
        return self.place(last.squeeze(0))


def walks(n=32, t=10):
    turn = 0.5 * torch.randn(n, 1)
    heading = 6.28 * torch.rand(n, 1) + turn * torch.arange(t + 1)
    steps = 0.3 * torch.stack([heading.cos(), heading.sin()], -1)
    places = steps.cumsum(1)
    return places[:, :t], places[:, t]


predictor = WaypointPredictor()
optimizer = torch.optim.AdamW(predictor.parameters(), lr=3e-3)
mse = nn.MSELoss()
for iteration in range(600):
    seen, following = walks()
    if FIXED:
        optimizer.zero_grad()
    loss = mse(predictor(seen), following)
    loss.backward()
    optimizer.step()
    if iteration % 75 == 74:
        print(f"[{iteration + 1}] mse {loss.item():.5f}")
