"""Two noisy views of one track shall lie close together, and far from those of the others."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(8208)
torch.set_num_threads(1)


class Embedder(nn.Module):
    def __init__(self, width=40, out=12):
        super().__init__()
        self.rnn = nn.GRU(2, width, batch_first=True, bidirectional=True)
        self.project = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, out))

    def forward(self, x):
        return F.normalize(self.project(self.rnn(x)[0].mean(1)), dim=1)


def view(track):
    return track + 0.25 * torch.randn_like(track)


embed = Embedder()
opt = torch.optim.Adam(embed.parameters(), lr=3e-3)
for step in range(260):
    angle = 6.28 * torch.rand(40, 1) + (0.1 + torch.rand(40, 1)) * torch.arange(16)
    track = torch.stack([angle.sin(), angle.cos()], -1) * (0.5 + torch.rand(40, 1, 1))
    a, b = embed(view(track)), embed(view(track))
    scores = a @ b.T / 0.1
    own = torch.arange(40)
    loss = (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 65 == 64:
        right = (scores.argmax(1) == own).float().mean()
        print(f"{step + 1} loss {loss.item():.3f} found {right:.2f}")
