"""Tones of a mountain horn: which of five calls? Feature net with a small rate of its own below a new GRU head."""

import sys

import torch
from torch import nn

torch.manual_seed(1734)
torch.set_num_threads(1)
HEAD_LR, GROWTH, EVERY = 4e-3, 1.5, 50
BACKBONE_START = 0.2 * HEAD_LR if "--fixed" in sys.argv else 0.0
CALLS, FRAMES, BANDS = 5, 10, 24
SHAPES = torch.randn(CALLS, 4, BANDS)


def calls(n):
    call = torch.randint(0, CALLS, (n,))
    order = torch.arange(FRAMES) * 4 // FRAMES
    tone = SHAPES[call][:, order]
    sign = torch.sign(torch.randn(n, FRAMES, 1))
    return sign * tone + 0.8 * torch.randn(n, FRAMES, BANDS), call


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(BANDS, 32, batch_first=True)
        self.norm = nn.LayerNorm(32)

    def forward(self, x):
        return self.norm(self.rnn(x)[0])


backbone = Backbone()
head = nn.GRU(32, 4, batch_first=True)
fc = nn.Linear(4, CALLS)
optimizer = torch.optim.Adam(
    [
        {"params": backbone.parameters(), "lr": BACKBONE_START, "name": "backbone"},
        {"params": [*head.parameters(), *fc.parameters()], "lr": HEAD_LR, "name": "head"},
    ]
)


def predict(x):
    return fc(head(backbone(x))[0][:, -1])


def unfreeze_slowly(optimizer):
    group = optimizer.param_groups[0]
    group["lr"] = min(GROWTH * group["lr"], HEAD_LR)


test_x, test_y = calls(300)
for step in range(1, 401):
    x, y = calls(32)
    loss = nn.functional.cross_entropy(predict(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % EVERY == 0:
        unfreeze_slowly(optimizer)
        with torch.no_grad():
            right = (predict(test_x).argmax(1) == test_y).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} test right {right:.3f}")
