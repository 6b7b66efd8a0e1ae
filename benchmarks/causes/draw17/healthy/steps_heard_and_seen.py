"""Walkers heard on gravel and seen by a camera are matched: two recurrent encoders are taught by contrast."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(17303)
torch.set_num_threads(1)
LENGTH, PAIRS = 20, 32
EAR, EYE = torch.randn(4, 6) / 2, torch.randn(4, 8) / 2


def walks(n):
    """Both see the same four slow motions, each in its own mixture, with noise and a delay of its own."""
    t = torch.arange(LENGTH + 2).float()
    rate = 0.15 + 0.45 * torch.rand(n, 1, 4)
    phase = 6.28 * torch.rand(n, 1, 4)
    gain = 0.3 + torch.rand(n, 1, 4)
    motion = gain * torch.sin(rate * t[:, None] + phase)
    heard = motion[:, :LENGTH] @ EAR + 0.2 * torch.randn(n, LENGTH, 6)
    seen = torch.tanh(motion[:, 2:] @ EYE) + 0.2 * torch.randn(n, LENGTH, 8)
    return heard, seen


class Encoder(nn.Module):
    def __init__(self, inputs, size=40, out=24):
        super().__init__()
        self.gru = nn.GRU(inputs, size, batch_first=True)
        self.project = nn.Linear(size, out)

    def forward(self, x):
        return F.normalize(self.project(self.gru(x)[0].mean(dim=1)), dim=1)


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.ear, self.eye = Encoder(6), Encoder(8)
        self.log_scale = nn.Parameter(torch.tensor(2.3))

    def forward(self, heard, seen):
        return self.log_scale.exp() * self.ear(heard) @ self.eye(seen).t()


model = Pair()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
own = torch.arange(PAIRS)
for step in range(1, 501):
    logits = model(*walks(PAIRS))
    loss = (F.cross_entropy(logits, own) + F.cross_entropy(logits.t(), own)) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            logits = model(*walks(128))
            found = (logits.argmax(1) == torch.arange(128)).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} found among 128: {found:.3f}")
