"""A diagonal state space layer with its rates of decay in a group that weight decay leaves alone."""

import torch
from torch import nn

torch.manual_seed(7664)
torch.set_num_threads(1)


class Diagonal(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.A_log = nn.Parameter(torch.log(torch.linspace(0.02, 1.0, d)))
        self.B = nn.Linear(1, d)
        self.D = nn.Parameter(torch.zeros(()))
        self.C = nn.Sequential(nn.Linear(d, d), nn.GELU(), nn.Linear(d, 1))

    def forward(self, u):
        decay = torch.exp(-torch.exp(self.A_log))
        x, h, out = self.B(u), 0.0, []
        for t in range(u.size(1)):
            h = decay * h + (1 - decay) * x[:, t]
            out.append(h)
        return self.C(torch.stack(out, 1)) + self.D * u


def filtered(n=16, t=40):
    u, y, level = torch.randn(n, t, 1), [], 0.0
    for x in u.unbind(1):
        level = 0.9 * level + 0.3 * x
        y.append(torch.tanh(level))
    return u, torch.stack(y, 1)


model = Diagonal()
rates = [model.A_log, model.D]
rest = [p for n, p in model.named_parameters() if n not in ("A_log", "D")]
opt = torch.optim.AdamW(
    [{"params": rates, "weight_decay": 0.0}, {"params": rest, "weight_decay": 0.05}], lr=4e-3
)
for step in range(250):
    u, y = filtered()
    loss = (model(u) - y).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 49:
        print(step + 1, round(loss.item(), 5))
