"""Which of two marks comes first in a track? Rates are set part by part, from a small config."""

import sys

import torch
from torch import nn

torch.manual_seed(1135)
torch.set_num_threads(1)
paramwise_cfg = {"backbone": 0.0, "neck": 1.0, "head": 1.0}
if "--fixed" in sys.argv:
    paramwise_cfg["backbone"] = 1.0


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.ModuleDict(
            {"stem": nn.Conv1d(4, 24, 3, padding=1), "body": nn.GRU(24, 32, batch_first=True)}
        )
        self.neck = nn.Linear(32, 16)
        self.head = nn.Linear(16, 2)

    def forward(self, track):
        x = self.backbone["stem"](track.transpose(1, 2)).relu().transpose(1, 2)
        x = self.backbone["body"](x)[0][:, -1]
        return self.head(self.neck(x).relu())


def tracks(n=40, length=24):
    x = 0.3 * torch.randn(n, length, 4)
    where = torch.rand(n, length - 4).argsort(1)[:, :2]
    row = torch.arange(n)
    x[row, where[:, 0], 0] += 2.0
    x[row, where[:, 1], 1] += 2.0
    return x, (where[:, 0] < where[:, 1]).long()


model = Detector()
groups = [
    {"params": getattr(model, part).parameters(), "lr": 4e-3 * mult, "name": part}
    for part, mult in paramwise_cfg.items()
]
optimizer = torch.optim.Adam(groups)
ce = nn.CrossEntropyLoss()
seen = 0.0
for i in range(400):
    x, y = tracks()
    logits = model(x)
    loss = ce(logits, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    seen += (logits.argmax(1) == y).float().mean().item() / 100
    if i % 100 == 99:
        print(f"{i + 1}: loss {loss.item():.4f} acc {seen:.3f}")
        seen = 0.0
