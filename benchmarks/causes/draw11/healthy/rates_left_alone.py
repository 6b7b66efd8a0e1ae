"""A state space layer with a long memory; its A_log and D are in a group without decay."""

import torch
from torch import nn

torch.manual_seed(1177)
torch.set_num_threads(1)


class DiagonalSSM(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.log_dt = nn.Parameter(torch.linspace(-4.5, -1.0, width))
        self.A_log = nn.Parameter(torch.zeros(width))
        self.D = nn.Parameter(torch.ones(width))
        for special in (self.A_log, self.D, self.log_dt):
            special._no_weight_decay = True

    def forward(self, u):
        dt = self.log_dt.exp()
        keep = torch.exp(-dt * self.A_log.exp())
        state, out = torch.zeros_like(u[:, 0]), []
        for t in range(u.size(1)):
            state = keep * state + (1 - keep) * u[:, t]
            out.append(state)
        return torch.stack(out, 1) + self.D * u


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.lift = nn.Linear(2, 24)
        self.ssm = DiagonalSSM()
        self.read = nn.Sequential(nn.Linear(24, 32), nn.GELU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.read(self.ssm(self.lift(x))[:, -1]).squeeze(-1)


def marked_values(n=32, length=40):
    value = torch.randn(n, length)
    mark = torch.zeros(n, length)
    mark[torch.arange(n), torch.randint(0, 6, (n,))] = 1.0
    target = (value * mark).sum(1)
    return torch.stack([3 * value * mark, mark], -1), target


model = Model()
exempt = [p for p in model.parameters() if getattr(p, "_no_weight_decay", False)]
decayed = [p for p in model.parameters() if not getattr(p, "_no_weight_decay", False)]
optimizer = torch.optim.AdamW(
    [{"params": decayed, "weight_decay": 0.05}, {"params": exempt, "weight_decay": 0.0}], lr=5e-3
)
for step in range(1, 401):
    x, y = marked_values()
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 0:
        print(f"step {step} loss {loss.item():.4f}")
