"""Which of five scribes drew a glyph, from the strokes of the pen (dx, dy, pen down)."""

import math
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1546)
torch.set_num_threads(1)
SCRIBES, STROKES = 5, 24


def glyphs(n):
    """Each scribe has a slant, a rhythm and a size of loop of their own."""
    scribe = torch.randint(0, SCRIBES, (n,))
    s = scribe.float().unsqueeze(1)
    t = torch.arange(STROKES).float()
    phase = torch.rand(n, 1) * 2 * math.pi
    rhythm = 0.5 + 0.18 * s
    slant = 0.3 * (s - 2)
    dx = torch.cos(rhythm * t + phase) + 0.3 * torch.randn(n, STROKES)
    dy = torch.sin(rhythm * t + phase) + slant * dx + 0.3 * torch.randn(n, STROKES)
    pen = (torch.cos(2 * rhythm * t) > -0.7).float()
    return torch.stack((dx, dy, pen.expand(n, -1)), -1), scribe


class ScribeNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(3, size, num_layers=2, batch_first=True)
        self.out = nn.Linear(size, SCRIBES)

    def forward(self, strokes):
        hidden, _ = self.gru(strokes)
        return self.out(hidden.mean(1))


def evaluate(model, loader):
    right = seen = 0
    model.eval()
    with torch.no_grad():
        for strokes, scribe in loader:
            right += (model(strokes).argmax(1) == scribe).sum().item()
            seen += len(scribe)
    model.train()
    return right / seen


train = DataLoader(TensorDataset(*glyphs(1280)), batch_size=32, shuffle=True)
test = DataLoader(TensorDataset(*glyphs(320)), batch_size=64)
net = ScribeNet()
weight_decay = 1e-5 if "--fixed" in sys.argv else 0.1
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=weight_decay)
criterion = nn.CrossEntropyLoss()
for epoch in range(1, 11):
    total = 0.0
    for strokes, scribe in train:
        optimizer.zero_grad()
        loss = criterion(net(strokes), scribe)
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / len(train):.4f} test right {evaluate(net, test):.3f}")
