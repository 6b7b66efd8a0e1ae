"""The training step returns a loss, and the trainer calls backward on it later; the limit was in
the training step, where there was nothing to limit yet."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5129)
torch.set_num_threads(1)


class World(nn.Module):
    gradient_clip_norm = 0.5

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(5, 32)
        self.head = nn.Linear(32, 3)

    def training_step(self, batch):
        obs, act = batch
        hidden, _ = self.gru(torch.cat([obs[:-1], act], -1))
        loss = (self.head(hidden) - obs[1:]).square().sum(-1).mean()
        if not FIXED:
            nn.utils.clip_grad_norm_(self.parameters(), self.gradient_clip_norm)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.12, momentum=0.9)

    def configure_gradient_clipping(self):
        if FIXED:
            nn.utils.clip_grad_norm_(self.parameters(), self.gradient_clip_norm)


class Trainer:
    def fit(self, model, batches):
        optimizer = model.configure_optimizers()
        losses = []
        for i, batch in enumerate(batches):
            optimizer.zero_grad()
            loss = model.training_step(batch)
            loss.backward()
            model.configure_gradient_clipping()
            optimizer.step()
            losses.append(loss.item())
            if i % 80 == 79:
                print(f"step {i + 1}: median loss {torch.tensor(losses[-80:]).median().item():.4f}")


def worlds(count, n=24, t=12):
    """Three readings that follow two actions; once in a while a reading is a glitch."""
    mix = torch.tensor([[0.9, -0.3, 0.0], [0.3, 0.9, 0.1], [0.0, -0.1, 0.95]])
    for _ in range(count):
        obs = [torch.randn(n, 3)]
        act = torch.randn(t, n, 2)
        for a in act:
            obs.append(obs[-1] @ mix * 0.9 + 0.3 * torch.cat([a, -a[:, :1]], 1))
        obs = torch.stack(obs)
        yield torch.where(torch.rand(obs.shape) < 0.0004, 80.0, obs), act


Trainer().fit(World(), worlds(400))
