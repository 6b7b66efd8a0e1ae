"""A diagonal state-space model by hand counts marks; its time constants have a group of their own."""

import torch
from torch import nn

torch.manual_seed(2323)
torch.set_num_threads(1)


class DiagonalSSM(nn.Module):
    def __init__(self, size, states=8):
        super().__init__()
        self.A_log = nn.Parameter(torch.linspace(-4.5, 0.0, states).repeat(size, 1))
        self.B = nn.Parameter(torch.randn(size, states) / states**0.5)
        self.C = nn.Parameter(torch.randn(size, states) / states**0.5)
        self.D = nn.Parameter(torch.ones(size))

    def forward(self, x):
        a = torch.exp(-self.A_log.exp())
        h = x.new_zeros(x.shape[0], *a.shape)
        ys = []
        for t in range(x.shape[1]):
            h = a * h + (1 - a) * self.B * x[:, t, :, None]
            ys.append((h * self.C).sum(-1))
        return torch.stack(ys, 1) + self.D * x


class Counter(nn.Module):
    def __init__(self, size=16):
        super().__init__()
        self.inp = nn.Embedding(5, size)
        self.ssm = DiagonalSSM(size)
        self.out = nn.Sequential(nn.Linear(size, 32), nn.GELU(), nn.Linear(32, 1))

    def forward(self, marks):
        return self.out(self.ssm(self.inp(marks))[:, -1]).squeeze(1)


def rows(n, length=32):
    """How many more noughts than ones?"""
    share = 0.2 + 0.6 * torch.rand(n, 1)
    marks = torch.where(torch.rand(n, length) < share, 0, 1)
    marks = torch.where(torch.rand(n, length) < 0.4, torch.randint(2, 5, (n, length)), marks)
    return marks, ((marks == 0).sum(1) - (marks == 1).sum(1)) / 8.0


model = Counter()
slow = ["A_log", "D"]
named = list(model.named_parameters())
groups = [
    {"params": [p for n, p in named if n.split(".")[-1] not in slow], "weight_decay": 0.05},
    {"params": [p for n, p in named if n.split(".")[-1] in slow], "weight_decay": 0.0, "lr": 1e-3},
]
optimizer = torch.optim.AdamW(groups, lr=4e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 500, eta_min=1e-5)
marks_val, more_val = rows(300)
for step in range(1, 501):
    marks, more = rows(32)
    loss = nn.functional.mse_loss(model(marks), more)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    if step % 50 == 0:
        with torch.no_grad():
            val = nn.functional.mse_loss(model(marks_val), more_val).item()
        print(f"step {step} loss {loss.item():.4f} val {val:.4f} (variance {more_val.var():.3f})")
