"""A small world model: what does a ball do next? The trainer calls the hooks of a module in turn."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1125)
torch.set_num_threads(1)


class WorldModel(nn.Module):
    gradient_clip_norm = 1.0

    def __init__(self, hidden=32):
        super().__init__()
        self.rnn = nn.GRU(2, hidden, batch_first=True)
        self.predict = nn.Linear(hidden, 2)

    def training_step(self, batch):
        predicted, _ = self.rnn(batch[:, :-1])
        loss = (self.predict(predicted) - batch[:, 1:]).square().sum((1, 2)).mean()
        if not FIXED:
            nn.utils.clip_grad_norm_(self.parameters(), self.gradient_clip_norm)
        return loss

    def configure_gradient_clipping(self):
        if FIXED:
            nn.utils.clip_grad_norm_(self.parameters(), self.gradient_clip_norm)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.03)


def balls(n=32, t=20):
    """Balls roll to and fro between two walls."""
    x, v = 4 * torch.rand(n, 1), 0.2 + 0.6 * torch.rand(n, 1)
    way = (x + v * torch.arange(t)) % 8
    place = torch.where(way < 4, way, 8 - way) - 2
    return torch.stack([place, place.abs()], -1)


def fit(module, steps):
    optimizer = module.configure_optimizers()
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        loss = module.training_step(balls())
        loss.backward()
        module.configure_gradient_clipping()
        optimizer.step()
        if step % 60 == 0:
            print(f"step {step} loss {loss.item():.4f}")


fit(WorldModel(), 600)
