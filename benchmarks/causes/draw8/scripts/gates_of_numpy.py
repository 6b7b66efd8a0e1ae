"""An LSTM from first principles: one matrix for the four gates, made and used by hand."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8151)
torch.set_num_threads(1)


class LSTM(nn.Module):
    def __init__(self, n_x=3, n_a=64, n_y=1):
        super().__init__()
        scale = (n_x + n_a) ** -0.5 if FIXED else 2.0
        self.w = nn.Parameter(scale * torch.randn(n_x + n_a, 4 * n_a))
        self.b = nn.Parameter(torch.zeros(4 * n_a))
        self.w_y = nn.Parameter(n_a**-0.5 * torch.randn(n_a, n_y))
        self.b_y = nn.Parameter(torch.zeros(n_y))

    def forward(self, x):
        a = x.new_zeros(x.shape[0], self.w_y.shape[0])
        c, ys = a, []
        for x_t in x.unbind(1):
            gates = torch.cat([x_t, a], 1) @ self.w + self.b
            forget, update, output, candidate = gates.chunk(4, 1)
            c = forget.sigmoid() * c + update.sigmoid() * candidate.tanh()
            a = output.sigmoid() * c.tanh()
            ys.append(a @ self.w_y + self.b_y)
        return torch.stack(ys, 1)[..., 0]


def dataset(n=32, t=12):
    x = torch.randn(n, t, 3)
    y = torch.zeros(n, t)
    for k in range(t):
        y[:, k] = 0.6 * y[:, k - 1] + x[:, k, 0] if k else x[:, 0, 0]
    return x, y


net = LSTM()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(250):
    x, y = dataset()
    cost = (net(x) - y).square().mean()
    opt.zero_grad()
    cost.backward()
    opt.step()
    if epoch % 50 == 49:
        print(f"cost after {epoch + 1}: {cost.item():.4f}")
