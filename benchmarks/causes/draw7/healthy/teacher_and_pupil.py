"""A small net learns from a larger one that has been trained before, by its softened scores and the truth."""

import torch
from torch import nn

torch.manual_seed(7750)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.r = nn.GRU(3, d, batch_first=True)
        self.o = nn.Linear(d, 4)

    def forward(self, x):
        return self.o(self.r(x)[1][0])


def gestures(n=32, t=12):
    y = torch.randint(0, 4, (n,))
    a = torch.arange(t) * (0.3 + 0.2 * y[:, None]) + 0.5 * torch.randn(n, 1)
    return torch.stack([a.sin(), a.cos(), (2 * a).sin()], -1) + 0.2 * torch.randn(n, t, 3), y


big, small = Net(48), Net(12)
opt = torch.optim.Adam(big.parameters(), lr=4e-3)
for _ in range(120):
    x, y = gestures()
    loss = nn.functional.cross_entropy(big(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
big.eval()
opt = torch.optim.Adam(small.parameters(), lr=6e-3)
for step in range(200):
    x, y = gestures()
    with torch.no_grad():
        soft = (big(x) / 2).softmax(1)
    s = small(x)
    loss = 4 * nn.functional.kl_div((s / 2).log_softmax(1), soft, reduction="batchmean")
    loss = 0.5 * loss + 0.5 * nn.functional.cross_entropy(s, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 49:
        print(step + 1, round(loss.item(), 4), (s.argmax(1) == y).float().mean().item())
