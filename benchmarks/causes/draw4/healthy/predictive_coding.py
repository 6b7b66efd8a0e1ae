"""Representations without labels: the context at each place has to pick the true later frame
among those of the rest of the batch."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(4)
torch.set_num_threads(1)


class CPC(nn.Module):
    def __init__(self, z_dim=16, c_dim=32, ahead=3):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, z_dim))
        self.context = nn.GRU(z_dim, c_dim, batch_first=True)
        self.heads = nn.ModuleList([nn.Linear(c_dim, z_dim, bias=False) for _ in range(ahead)])

    def forward(self, x):
        z = self.encoder(x)
        c, _ = self.context(z)
        losses, hits = [], []
        t = int(torch.randint(5, x.size(1) - len(self.heads), (1,)))
        for k, head in enumerate(self.heads, 1):
            scores = head(c[:, t]) @ z[:, t + k].T
            target = torch.arange(len(x))
            losses.append(F.cross_entropy(scores, target))
            hits.append((scores.argmax(1) == target).float().mean())
        return torch.stack(losses).mean(), torch.stack(hits).mean()


def sounds(n=32, length=14):
    centre = torch.randn(n, 1, 6)
    phase = 6.28 * torch.rand(n, 1, 6)
    t = torch.arange(length)[None, :, None]
    return centre + torch.sin(phase + 0.5 * t) + 0.2 * torch.randn(n, length, 6)


model = CPC()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)
for step in range(300):
    loss, hit = model(sounds())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 60 == 59:
        print(step + 1, f"loss {loss.item():.3f} picked {hit.item():.2f}")
