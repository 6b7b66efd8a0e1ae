"""Strides of five ways to walk: four small batches of walkers make one step of the optimizer."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1431)
torch.set_num_threads(1)
GAITS, SAMPLES, SENSORS, MICRO = 5, 28, 3, 4


def walkers(n):
    gait = torch.randint(0, GAITS, (n,))
    pace = 0.35 + 0.12 * gait[:, None] + 0.02 * torch.randn(n, 1)
    angle = torch.arange(SAMPLES) * pace + 6.28 * torch.rand(n, 1)
    swing = torch.stack((angle.sin(), angle.cos(), (2 * angle).sin()), dim=-1)
    return TensorDataset(swing + 0.3 * torch.randn(n, SAMPLES, SENSORS), gait)


class GaitNet(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.gru = nn.GRU(SENSORS, size, batch_first=True)
        self.norm = nn.LayerNorm(size)
        self.gait = nn.Linear(size, GAITS)

    def forward(self, x):
        _, h = self.gru(x)
        return self.gait(self.norm(h[-1]))


train = DataLoader(walkers(1600), batch_size=8, shuffle=True)
test_x, test_gait = walkers(400).tensors
model = GaitNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
steps = 0
for epoch in range(1, 8):
    total = 0.0
    optimizer.zero_grad()
    for number, (x, gait) in enumerate(train, 1):
        loss = nn.functional.cross_entropy(model(x), gait)
        (loss / MICRO).backward()
        total += loss.item() / len(train)
        if number % MICRO == 0:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            steps += 1
    with torch.no_grad():
        right = (model(test_x).argmax(1) == test_gait).float().mean().item()
    print(f"epoch {epoch} steps {steps} loss {total:.4f} gaits right {right:.3f}")
