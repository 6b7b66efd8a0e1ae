"""What a meter will have counted by night: its reading in the morning and a day of weather and habits."""

import sys

import torch
from torch import nn

torch.manual_seed(1345)
torch.set_num_threads(1)
state_dtype = torch.float32 if "--fixed" in sys.argv else torch.bfloat16


class Meter(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.use = nn.Sequential(nn.Linear(2, size), nn.Tanh(), nn.Linear(size, 1), nn.Softplus())

    def forward(self, day, reading):
        use = self.use(day).squeeze(-1)
        state = reading.to(state_dtype)
        for t in range(day.shape[1]):
            state = (state + use[:, t]).to(state_dtype)
        return state.float()


def streets(n, hours=48):
    """Cold needs heating, dark needs light; both at once need a bit more."""
    cold = torch.relu(torch.randn(n, 1) + 0.5 * torch.randn(n, hours))
    dark = torch.rand(n, hours)
    use = 0.2 * cold + 0.3 * dark.pow(2) + 0.1 * cold * dark
    reading = 150 + 80 * torch.rand(n)
    return torch.stack([cold, dark], -1), reading, reading + use.sum(1)


model = Meter()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 500)
day_val, reading_val, night_val = streets(400)
used = night_val - reading_val
for step in range(1, 501):
    day, reading, night = streets(32)
    loss = nn.functional.smooth_l1_loss(model(day, reading), night)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % 50 == 0:
        with torch.no_grad():
            off = (model(day_val, reading_val) - night_val).abs().mean().item()
        print(f"step {step} loss {loss.item():.4f} off by {off:.3f} units of {used.mean():.1f}")
