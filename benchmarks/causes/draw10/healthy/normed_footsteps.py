"""Footsteps of four walkers: convolutions with batch normalisation over time, then a GRU."""

import torch
from torch import nn

torch.manual_seed(209)
torch.set_num_threads(1)


class Footsteps(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(2, 16, 5, padding=2), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(2)
        )
        self.gru = nn.GRU(16, 24, batch_first=True)
        self.norm = nn.BatchNorm1d(24)
        self.out = nn.Linear(24, 4)

    def forward(self, x):
        h, _ = self.gru(self.conv(x).transpose(1, 2))
        return self.out(self.norm(h[:, -1]))


def walks(n=32, t=32):
    who = torch.randint(0, 4, (n,))
    rate = 0.4 + 0.25 * who[:, None] + 0.02 * torch.randn(n, 1)
    phase = rate * torch.arange(t) + 6.28 * torch.rand(n, 1)
    return 5 + 3 * torch.stack([phase.sin(), phase.cos()], 1) + 0.5 * torch.randn(n, 2, t), who


model = Footsteps()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
for step in range(1, 401):
    model.train()
    x, who = walks()
    loss = nn.functional.cross_entropy(model(x), who)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        model.eval()
        with torch.no_grad():
            x, who = walks(200)
            right = (model(x).argmax(1) == who).float().mean()
        print(f"step {step} loss {loss.item():.4f} right {right.item():.3f}")
