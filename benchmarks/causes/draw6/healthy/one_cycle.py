"""The rate rises for a third of the time and falls to next to nothing by the end, as planned."""

import torch
from torch import nn

torch.manual_seed(6217)
torch.set_num_threads(1)

STEPS = 300


class Spoken(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(8, 24, 3, stride=2, padding=1)
        self.rnn = nn.GRU(24, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, 6)

    def forward(self, x):
        x = torch.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        _, h = self.rnn(x)
        return self.out(torch.cat([h[0], h[1]], 1))


words = 0.6 * torch.randn(6, 20, 8)


def clips(n=32):
    y = torch.randint(0, 6, (n,))
    x = words[y] + 0.8 * torch.randn(n, 20, 8)
    return x * (0.7 + 0.6 * torch.rand(n, 1, 1)), y


model = Spoken()
opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
plan = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=6e-3, total_steps=STEPS)
for step in range(STEPS):
    x, y = clips()
    scores = model(x)
    loss = nn.functional.cross_entropy(scores, y, label_smoothing=0.05)
    opt.zero_grad()
    loss.backward()
    opt.step()
    plan.step()
    if step % 60 == 59:
        acc = (scores.argmax(1) == y).float().mean().item()
        print(f"{step + 1} rate {plan.get_last_lr()[0]:.5f} loss {loss.item():.3f} acc {acc:.2f}")
