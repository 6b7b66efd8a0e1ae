"""The sum of a day's gusts at a buoy, held in decaying channels of a small state-space layer."""

import sys

import torch
from torch import nn

torch.manual_seed(1343)
torch.set_num_threads(1)


class Channels(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.A_log = nn.Parameter(torch.linspace(-6.0, -4.0, size))
        self.D = nn.Parameter(torch.zeros(size))

    def forward(self, x):
        """All steps at once: h_t is the sum of a^(t-s) x_s."""
        t = torch.arange(x.shape[1])
        rate = self.A_log.exp()
        kernel = torch.exp(-rate * t[:, None])
        n = 2 * x.shape[1]
        h = torch.fft.irfft(
            torch.fft.rfft(x, n, dim=1) * torch.fft.rfft(kernel, n, dim=0), n, dim=1
        )
        return h[:, : x.shape[1]] * (2 * rate).clamp(max=1).sqrt() + self.D * x


class BuoyNet(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.inp = nn.Linear(2, size)
        self.ssm = Channels(size)
        self.norm = nn.LayerNorm(size)
        self.out = nn.Sequential(nn.Linear(size, 32), nn.SiLU(), nn.Linear(32, 1))

    def forward(self, gusts):
        return self.out(self.norm(self.ssm(self.inp(gusts))[:, -1])).squeeze(1)


def days(n, length=120):
    gusts = torch.randn(n, length)
    at_sea = (torch.rand(n, length) < 0.5).float()
    total = (gusts * at_sea).sum(1) / (0.5 * length) ** 0.5
    return torch.stack([gusts * at_sea, at_sea], -1), total


model = BuoyNet()
if "--fixed" in sys.argv:
    still = [model.ssm.A_log, model.ssm.D]
    rest = [p for p in model.parameters() if all(p is not q for q in still)]
    groups = [{"params": rest}, {"params": still, "weight_decay": 0.0}]
else:
    groups = [{"params": list(model.parameters())}]
optimizer = torch.optim.AdamW(groups, lr=5e-3, weight_decay=0.25)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 900)
gusts_val, total_val = days(400)
for step in range(1, 901):
    gusts, total = days(32)
    loss = nn.functional.mse_loss(model(gusts), total)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % 100 == 0:
        with torch.no_grad():
            val = nn.functional.mse_loss(model(gusts_val), total_val).item()
        memory = 1 / model.ssm.A_log.exp().median().item()
        print(f"step {step} loss {loss.item():.4f} val {val:.4f} memory of {memory:.0f} steps")
