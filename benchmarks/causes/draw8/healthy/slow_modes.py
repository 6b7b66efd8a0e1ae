"""A diagonal state-space layer whose time constants are learned in a group of their own, without
decay."""

import torch
from torch import nn

torch.manual_seed(8210)
torch.set_num_threads(1)


class Diagonal(nn.Module):
    def __init__(self, inputs, modes=24, outputs=24):
        super().__init__()
        self.log_rate = nn.Parameter(torch.linspace(-4.0, 0.0, modes))
        self.into, self.out = nn.Linear(inputs, modes), nn.Linear(modes, outputs)

    def forward(self, u):
        keep = (-self.log_rate.exp()).exp()
        drive = self.into(u) * (1 - keep**2).sqrt()
        s, states = torch.zeros_like(drive[:, 0]), []
        for d in drive.unbind(1):
            s = keep * s + d
            states.append(s)
        return self.out(torch.stack(states, 1))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.ssm, self.mix = Diagonal(2), nn.Linear(26, 32)
        self.read = nn.Linear(32, 1)

    def forward(self, u):
        y = torch.cat([self.ssm(u), u], -1)
        return self.read(nn.functional.gelu(self.mix(y)))[..., 0]


model = Model()
slow = [model.ssm.log_rate]
rest = [p for name, p in model.named_parameters() if name != "ssm.log_rate"]
opt = torch.optim.AdamW(
    [{"params": rest, "weight_decay": 0.01}, {"params": slow, "weight_decay": 0.0, "lr": 1e-3}],
    lr=4e-3,
)
for step in range(260):
    u = torch.randn(24, 30, 2)
    wanted, level = [], torch.zeros(24)
    for x in u.unbind(1):
        level = 0.92 * level + 0.4 * x[:, 0]
        wanted.append(level + 0.3 * x[:, 1])
    loss = (model(u) - torch.stack(wanted, 1)).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 65 == 64:
        print(f"{step + 1} {loss.item():.4f}")
