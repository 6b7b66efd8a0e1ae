"""Four small batches make one step: the gradients add up on purpose, and each loss is a quarter."""

import torch
from torch import nn

torch.manual_seed(7722)
torch.set_num_threads(1)


class Adder(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.d = d
        self.cell = nn.LSTMCell(2, d)
        self.out = nn.Linear(d, 1)

    def forward(self, x):
        h = c = x.new_zeros(x.size(0), self.d)
        for step in x.unbind(1):
            h, c = self.cell(step, (h, c))
        return self.out(h)[:, 0]


def problems(n=8, t=10):
    value, mark = torch.rand(n, t), torch.zeros(n, t)
    rows = torch.arange(n)
    mark[rows, torch.randint(0, 5, (n,))] = 1
    mark[rows, torch.randint(5, 10, (n,))] = 1
    return torch.stack([value, mark], -1), (value * mark).sum(1)


model = Adder()
opt = torch.optim.Adam(model.parameters(), lr=8e-3)
opt.zero_grad()
for i in range(1200):
    x, y = problems()
    loss = nn.functional.mse_loss(model(x), y)
    (loss / 4).backward()
    if i % 4 == 3:
        opt.step()
        opt.zero_grad()
    if i % 240 == 239:
        print(i + 1, round(loss.item(), 4))
