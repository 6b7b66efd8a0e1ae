"""Half minutes of sleep are put into four stages by an LSTM; each step takes a batch of the night."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1339)
torch.set_num_threads(1)
STAGES = 4


class SleepNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(3, size, batch_first=True)
        self.stage = nn.Linear(size, STAGES)

    def forward(self, wave):
        return self.stage(self.lstm(wave)[0].mean(1))


def recordings(n, length=24):
    stage = torch.randint(0, STAGES, (n,))
    t = torch.arange(length).float()
    pitch = torch.tensor([0.25, 0.45, 0.8, 1.3])[stage][:, None]
    wave = torch.stack([torch.sin(pitch * t + 6.28 * torch.rand(n, 1)) for _ in range(3)], -1)
    return wave + 1.0 * torch.randn(n, length, 3), stage


train_loader = DataLoader(TensorDataset(*recordings(1600)), batch_size=32, shuffle=False)
wave_val, stage_val = recordings(500)
model = SleepNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(1, 9):
    total = 0.0
    batches = iter(train_loader)
    for _ in range(len(train_loader)):
        if "--fixed" in sys.argv:
            wave, stage = next(batches)
        else:
            wave, stage = next(iter(train_loader))
        loss = nn.functional.cross_entropy(model(wave), stage)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(train_loader)
    with torch.no_grad():
        scores = model(wave_val)
        val = nn.functional.cross_entropy(scores, stage_val).item()
        acc = (scores.argmax(1) == stage_val).float().mean().item()
    print(f"epoch {epoch} loss {total:.4f} val {val:.4f} val acc {acc:.3f}")
