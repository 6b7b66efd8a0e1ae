"""How far a crane driver pushes the lever next, learned from the load's swing over the last twenty instants."""

import sys

import torch
from torch import nn

torch.manual_seed(164010)
torch.set_num_threads(1)
STEPS = 20


def drives(n):
    """The driver acts on the swing's speed and on where it was eight instants ago."""
    phase, pace = 6.283 * torch.rand(n, 1), 0.2 + 0.5 * torch.rand(n, 1)
    wide = 0.5 + torch.rand(n, 1)
    t = torch.arange(STEPS)
    swing = wide * torch.sin(pace * t + phase) + 0.03 * torch.randn(n, STEPS)
    wind = torch.randn(n, STEPS)
    move = swing[:, -1] - swing[:, -3] + 0.7 * swing[:, -9]
    return torch.stack([swing, wind], dim=-1), move


class Driver(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.lstm = nn.LSTM(2, hidden, batch_first=True)
        self.head = nn.Sequential(nn.Linear(hidden, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1]).squeeze(-1)


class Trainer:
    def __init__(self, model, lr=1.5e-3):
        self.model, self.lr = model, lr
        self.optimizer = self.make_optimizer()

    def make_optimizer(self):
        return torch.optim.RMSprop(self.model.parameters(), lr=self.lr)

    def train(self, x, move):
        optimizer = self.optimizer if "--fixed" in sys.argv else self.make_optimizer()
        loss = nn.functional.mse_loss(self.model(x), move)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    @torch.no_grad()
    def test(self, x, move):
        return nn.functional.mse_loss(self.model(x), move).item()


trainer = Trainer(Driver())
held_out = drives(500)
recent = []
for step in range(1, 451):
    recent.append(trainer.train(*drives(40)))
    if step % 50 == 0:
        mean = sum(recent[-50:]) / 50
        print(f"step {step} loss {mean:.4f} held out {trainer.test(*held_out):.4f}")
print(f"variance of the moves {held_out[1].var().item():.3f}")
