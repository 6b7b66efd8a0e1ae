"""Strokes of a pen go through six numbers and come out again."""

import torch
from torch import nn

torch.manual_seed(8211)
torch.set_num_threads(1)


class Squeeze(nn.Module):
    def __init__(self, width=40, code=6):
        super().__init__()
        self.read = nn.LSTM(2, width, batch_first=True)
        self.code = nn.Linear(width, code)
        self.start = nn.Linear(code, width)
        self.cell, self.pen = nn.GRUCell(code, width), nn.Linear(width, 2)

    def forward(self, x):
        code = self.code(self.read(x)[1][0][-1])
        h, out = self.start(code).tanh(), []
        for _ in range(x.shape[1]):
            h = self.cell(code, h)
            out.append(self.pen(h))
        return torch.stack(out, 1)


def strokes(n=40, t=12):
    s = torch.linspace(-1, 1, t)
    a = torch.randn(n, 2, 3)
    return torch.einsum("nck,kt->ntc", a, torch.stack([torch.ones(t), s, s * s]))


net = Squeeze()
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
for step in range(330):
    x = strokes()
    loss = nn.functional.mse_loss(net(x), x)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 66 == 65:
        print(step + 1, f"{loss.item():.4f}")
