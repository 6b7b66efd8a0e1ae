"""A trainer object builds its model for the pump data and goes on from a snapshot."""

import sys

import torch
from torch import nn

torch.manual_seed(1304)
torch.set_num_threads(1)


class PumpModel(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.rnn = nn.GRU(2, size, batch_first=True)
        self.head = nn.Linear(size, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0]).squeeze(-1)


def pumps(n=40, length=30):
    """Strokes fill the chamber, which leaks; the level is wanted at each moment."""
    stroke = (torch.rand(n, length) < 0.3).float()
    valve = (torch.rand(n, length) < 0.2).float()
    level, levels = torch.zeros(n), []
    for t in range(length):
        level = (0.9 * level + 0.5 * stroke[:, t]) * (1 - 0.6 * valve[:, t])
        levels.append(level)
    return torch.stack([stroke, valve], -1), torch.stack(levels, 1)


class Trainer:
    def __init__(self, lr=5e-3):
        self.lr = lr
        self.model = PumpModel()
        self.optimizer = torch.optim.RMSprop(self.model.parameters(), lr=lr)

    def restore(self, snapshot):
        self.model = PumpModel()
        self.model.load_state_dict(snapshot)
        if "--fixed" in sys.argv:
            self.optimizer = torch.optim.RMSprop(self.model.parameters(), lr=self.lr)

    def train(self, steps):
        for step in range(1, steps + 1):
            x, level = pumps()
            loss = nn.functional.mse_loss(self.model(x), level)
            self.model.zero_grad()
            loss.backward()
            self.optimizer.step()
            if step % 50 == 0:
                print(f"step {step} loss {loss.item():.5f} of variance {level.var().item():.4f}")


trainer = Trainer()
trainer.restore(PumpModel().state_dict())
trainer.train(350)
