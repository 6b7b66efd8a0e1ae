"""A quiet twin holds the moving mean of the weights and is the one that is tested."""

import copy

import torch
from torch import nn

torch.manual_seed(10106)
torch.set_num_threads(1)


class Pulse(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 12, 3, padding=1)
        self.gru = nn.GRU(12, 32, batch_first=True)
        self.rate = nn.Linear(32, 1)

    def forward(self, wave):
        seen = torch.relu(self.conv(wave.unsqueeze(1))).transpose(1, 2)
        return self.rate(self.gru(seen)[0].mean(1)).squeeze(1)


def waves(n=32, length=24):
    rate = 0.3 + 1.2 * torch.rand(n)
    t = torch.arange(length)
    wave = torch.sin(rate.unsqueeze(1) * t + 6.28 * torch.rand(n, 1))
    return wave + 0.1 * torch.randn(n, length), (rate - 0.9) * 2


model = Pulse()
twin = copy.deepcopy(model)
for weight in twin.parameters():
    weight.requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(400):
    wave, rate = waves()
    loss = nn.functional.mse_loss(model(wave), rate)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for slow, quick in zip(twin.parameters(), model.parameters()):
            slow.lerp_(quick, 0.02)
    if step % 80 == 79:
        wave, rate = waves(200)
        test = nn.functional.mse_loss(twin(wave), rate)
        print(f"{step + 1} loss {loss.item():.4f} twin {test.item():.4f}")
