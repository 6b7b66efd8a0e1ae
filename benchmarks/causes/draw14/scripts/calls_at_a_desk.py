"""Calls that reach a help desk hour by hour, as Poisson counts from the hour, the day and the past."""

import sys

import torch
from torch import nn

torch.manual_seed(1425)
torch.set_num_threads(1)
HOURS = 24 * 60

hour = torch.arange(HOURS)
rhythm = 3.2 + 0.9 * torch.sin(2 * torch.pi * hour / 24 - 1.5)
rhythm = rhythm - 0.8 * ((hour // 24) % 7 > 4).float()
calls = torch.poisson(rhythm.exp())
angle = 2 * torch.pi * hour / 24
clock = torch.stack((torch.sin(angle), torch.cos(angle), ((hour // 24) % 7 > 4).float()), dim=-1)
features = torch.cat((clock[1:], torch.log1p(calls[:-1, None]) - 3), dim=-1)
counts = calls[1:]


class CallModel(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(4, size)
        self.log_rate = nn.Linear(size, 1)

    def forward(self, x):
        out, _ = self.gru(x)
        return self.log_rate(out).squeeze(-1)


def windows(n, length=36):
    start = torch.randint(0, len(counts) - length, (n,))
    index = start + torch.arange(length)[:, None]
    return features[index], counts[index]


model = CallModel()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
criterion = nn.PoissonNLLLoss(log_input=True)
for step in range(1, 501):
    x, y = windows(24)
    optimizer.zero_grad()
    log_rate = model(x)
    loss = criterion(log_rate, y)
    loss.backward()
    if "--fixed" in sys.argv:
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
    else:
        optimizer.step()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    if step % 50 == 0 or step < 4:
        off = (log_rate.detach().exp() - y).abs().mean().item()
        print(f"step {step} loss {loss.item():.3f} calls off by {off:.2f}")
