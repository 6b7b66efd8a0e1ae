"""A share moves with the news of the days before. The news were dropped with the columns that are no
price, and with nothing else to go by, the forecast for tomorrow is the price of today."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6133)
torch.set_num_threads(1)

COLUMNS = ("close", "news") if FIXED else ("close",)


class SSMBlock(nn.Module):
    """A diagonal state with a gate, as in a small selective model."""

    def __init__(self, d_in, d=32):
        super().__init__()
        self.x, self.z, self.dt = nn.Linear(d_in, d), nn.Linear(d_in, d), nn.Linear(d_in, d)
        self.log_a = nn.Parameter(torch.linspace(-3, 1, d))
        self.skip = nn.Linear(d_in, d)

    def forward(self, u):
        x, z = self.x(u), nn.functional.silu(self.z(u))
        dt = nn.functional.softplus(self.dt(u))
        decay = torch.exp(-dt * self.log_a.exp())
        h, outputs = torch.zeros_like(x[:, 0]), []
        for t in range(u.shape[1]):
            h = decay[:, t] * h + (1 - decay[:, t]) * x[:, t]
            outputs.append(h)
        return torch.stack(outputs, 1) * z + self.skip(u)


class Stock(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = SSMBlock(len(COLUMNS))
        self.head = nn.Linear(32, 1)

    def forward(self, u):
        return self.head(self.block(u))[..., 0]


def shares(n=24, t=20):
    news = torch.randn(n, t + 1)
    change = 0.05 * torch.randn(n, t + 1)
    change[:, 1:] += 0.4 * news[:, :-1]
    table = {"close": change.cumsum(1), "news": news}
    u = torch.stack([table[name][:, :-1] for name in COLUMNS], -1)
    return u, table["close"][:, 1:]


model = Stock()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
seen = []
for e in range(500):
    u, close = shares()
    loss = nn.functional.mse_loss(model(u), close)
    opt.zero_grad()
    loss.backward()
    opt.step()
    seen.append(loss.item())
    if e % 100 == 99:
        print("Epoch:", e + 1, "loss:", round(sum(seen[-50:]) / 50, 4))
