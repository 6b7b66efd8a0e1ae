"""Gestures from a glove; the loss is multiplied up before backward, as for half precision."""

import sys

import torch
from torch import nn

torch.manual_seed(1326)
torch.set_num_threads(1)
SCALE = 2.0**12


class GloveNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(4, size, batch_first=True)
        self.fc = nn.Linear(size, 5)

    def forward(self, x):
        return self.fc(self.lstm(x)[0][:, -1])


def gestures(n, length=12):
    kind = torch.randint(0, 5, (n,))
    bend = nn.functional.one_hot(kind, 5).float()[:, :4].unsqueeze(1)
    return bend * torch.linspace(0, 1.5, length).view(1, -1, 1) + 0.3 * torch.randn(
        n, length, 4
    ), kind


model = GloveNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.9)
for step in range(1, 351):
    x, kind = gestures(40)
    loss = nn.functional.cross_entropy(model(x), kind)
    optimizer.zero_grad()
    (loss * SCALE).backward()
    if "--fixed" not in sys.argv:
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for p in model.parameters():
        p.grad.div_(SCALE)
    if "--fixed" in sys.argv:
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            x, kind = gestures(400)
            right = (model(x).argmax(1) == kind).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
