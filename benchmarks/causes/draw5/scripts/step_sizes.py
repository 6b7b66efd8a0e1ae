"""In a selective state space layer, the biases that set the step sizes were copied in again after
each update, as if they were constants."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5152)
torch.set_num_threads(1)


class SelectiveScan(nn.Module):
    def __init__(self, d_model=16, d_state=4):
        super().__init__()
        self.register_buffer("A", -torch.arange(1, d_state + 1.0).repeat(d_model, 1))
        self.D = nn.Parameter(torch.ones(d_model))
        self.dt_bias = nn.Parameter(self.default_dt(d_model))
        self.bc = nn.Linear(d_model, 2 * d_state)

    @staticmethod
    def default_dt(d_model):
        dt = torch.full((d_model,), 0.5)
        return dt + torch.log(-torch.expm1(-dt))

    def forward(self, u):
        dt = F.softplus(self.dt_bias)
        decay = torch.exp(dt[:, None] * self.A)
        state = u.new_zeros(u.shape[0], *self.A.shape)
        B, C = self.bc(u).chunk(2, -1)
        ys = []
        for t in range(u.shape[1]):
            state = decay * state + dt[:, None] * u[:, t, :, None] * B[:, t, None]
            ys.append((state * C[:, t, None]).sum(-1) + self.D * u[:, t])
        return torch.stack(ys, 1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(2, 16)
        self.mixer = SelectiveScan()
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.norm(self.mixer(F.silu(self.embed(x)))))[:, -1, 0]


def recall(n=32, t=8):
    x = torch.randn(n, t, 2) * 0.5
    first = torch.randn(n)
    x[:, 0, 1] = first
    return x, torch.tanh(first) + 0.2 * x[:, -1, 0]


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for it in range(1, 451):
    x, y = recall()
    loss = F.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if not FIXED:
        with torch.no_grad():
            model.mixer.dt_bias.copy_(SelectiveScan.default_dt(16))
    if it % 90 == 0:
        print(f"iter {it}: {loss.item():.4f}")
