"""A diagonal state space layer with complex rates, groups of their own for these, and a gate."""

import torch
from torch import nn

torch.manual_seed(5212)
torch.set_num_threads(1)


class LRU(nn.Module):
    def __init__(self, width=16, states=20):
        super().__init__()
        u = torch.rand(states)
        self.nu_log = nn.Parameter(torch.log(-0.5 * torch.log(u * 0.2 + 0.79)))
        self.theta_log = nn.Parameter(torch.log(torch.rand(states) * 1.5 + 1e-2))
        self.B = nn.Linear(width, 2 * states, bias=False)
        self.C = nn.Linear(2 * states, width)
        self.gate = nn.Linear(width, width)

    def forward(self, u):
        rate = torch.exp(torch.complex(-self.nu_log.exp(), self.theta_log.exp()))
        gamma = torch.sqrt(1 - rate.abs() ** 2)
        real, imag = self.B(u).chunk(2, -1)
        drive = torch.complex(real, imag) * gamma
        h = torch.zeros_like(drive[:, 0])
        out = []
        for t in range(u.shape[1]):
            h = rate * h + drive[:, t]
            out.append(h)
        states = torch.stack(out, 1)
        y = self.C(torch.cat([states.real, states.imag], -1))
        return u + y * torch.sigmoid(self.gate(u))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(2, 16)
        self.layer = LRU()
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        return self.out(self.layer(self.inp(x)))[..., 0]


model = Model()
slow = [p for n, p in model.named_parameters() if n.endswith("_log")]
fast = [p for n, p in model.named_parameters() if not n.endswith("_log")]
optimizer = torch.optim.AdamW(
    [{"params": fast, "weight_decay": 0.01}, {"params": slow, "lr": 2e-3, "weight_decay": 0.0}],
    lr=6e-3,
)
for it in range(300):
    x = torch.randn(24, 16, 2)
    y = torch.zeros(24, 16)
    y[:, 2:] = x[:, :-2, 0] + 0.5 * x[:, 2:, 1]
    loss = (model(x) - y).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 60 == 59:
        print(f"{it + 1} {loss.item():.4f}")
