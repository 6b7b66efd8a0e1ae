"""Airs of a musical clock: short melodies go through a small latent vector and are written again, note by note.

The weight of the divergence grows slowly from nothing over the first half of the training.
"""

import torch
from torch import nn

torch.manual_seed(17206)
torch.set_num_threads(1)
NOTES, LENGTH, START = 16, 12, 16


def airs(count):
    """Melodies that start anywhere, climb or fall by a fixed step and come back after a bar of their own length."""
    first = torch.randint(4, 12, (count, 1))
    stride = torch.randint(-2, 3, (count, 1))
    bar = torch.randint(2, 5, (count, 1))
    return (first + stride * (torch.arange(LENGTH) % bar)) % NOTES


class Clock(nn.Module):
    def __init__(self, width=48, latent=8):
        super().__init__()
        self.notes = nn.Embedding(NOTES + 1, 24)
        self.reader = nn.GRU(24, width, batch_first=True)
        self.mean = nn.Linear(width, latent)
        self.log_variance = nn.Linear(width, latent)
        self.begin = nn.Linear(latent, width)
        self.writer = nn.GRU(24 + latent, width, batch_first=True)
        self.keys = nn.Linear(width, NOTES)

    def forward(self, air):
        _, last = self.reader(self.notes(air))
        mean, log_variance = self.mean(last[-1]), self.log_variance(last[-1])
        code = mean
        if self.training:
            code = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        before = torch.cat([torch.full_like(air[:, :1], START), air[:, :-1]], dim=1)
        steady = code.unsqueeze(1).expand(-1, LENGTH, -1)
        played, _ = self.writer(
            torch.cat([self.notes(before), steady], dim=2),
            torch.tanh(self.begin(code)).unsqueeze(0),
        )
        return self.keys(played), mean, log_variance


model = Clock()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
held_out = airs(256)
steps, top = 500, 0.3
for step in range(1, steps + 1):
    model.train()
    air = airs(64)
    weight = top * min(1.0, step / (steps / 2))
    scores, mean, log_variance = model(air)
    written = nn.functional.cross_entropy(
        scores.flatten(0, 1), air.flatten(), reduction="sum"
    ) / len(air)
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()
    loss = written + weight * divergence
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 25.0)
    optimizer.step()
    if step % 50 == 0:
        model.eval()
        with torch.no_grad():
            right = (model(held_out)[0].argmax(dim=2) == held_out).float().mean()
        print(
            f"step {step} weight {weight:.2f} loss {loss.item():.3f} written {written.item():.3f} "
            f"divergence {divergence.item():.2f} held-out notes right {right.item():.3f}"
        )
