"""The breath of a sleeper (one belt, one channel): calm, deep, panting or pausing."""

import sys

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(49)
torch.set_num_threads(1)
STEPS = 40


class Belt(Dataset):
    def __init__(self, n):
        self.kind = torch.randint(4, (n,))
        pace = torch.tensor([0.6, 0.35, 1.6, 0.6])[self.kind] * (0.9 + 0.2 * torch.rand(n))
        t = torch.arange(STEPS)
        wave = torch.sin(pace[:, None] * t + 6.28 * torch.rand(n, 1))
        pause = (self.kind == 3)[:, None] & ((t // 10) % 2 == 1)
        wave = wave.masked_fill(pause, 0.0) + 0.15 * torch.randn(n, STEPS)
        # every belt is worn with another pull
        self.raw = ((5 + 10 * torch.rand(n, 1)) + (1 + torch.rand(n, 1)) * wave)[..., None]

    def __len__(self):
        return len(self.raw)

    def __getitem__(self, i):
        x = self.raw[i]
        shape = x.shape if "--fixed" in sys.argv else x.shape[-1:]
        return F.layer_norm(x, shape), self.kind[i]


class Breath(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 16, 5, padding=2)
        self.gru = nn.GRU(16, 32, batch_first=True)
        self.out = nn.Linear(32, 4)

    def forward(self, x):
        x = F.relu(self.conv(x.mT)).mT
        return self.out(self.gru(x)[0].mean(1))


train = DataLoader(Belt(1280), batch_size=32, shuffle=True)
test = DataLoader(Belt(400), batch_size=400)
model = Breath()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
for epoch in range(1, 11):
    total = 0.0
    for x, kind in train:
        loss = F.cross_entropy(model(x), kind)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(train)
    with torch.no_grad():
        right = [(model(x).argmax(1) == kind).float().mean().item() for x, kind in test]
    print(f"epoch {epoch} loss {total:.4f} right kind {sum(right) / len(right):.3f}")
