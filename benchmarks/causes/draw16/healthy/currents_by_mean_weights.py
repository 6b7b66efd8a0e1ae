"""The current of a strait three hours ahead, by an LSTM whose weights are followed by a moving mean that foretells."""

import copy

import torch
from torch import nn

torch.manual_seed(16305)
torch.set_num_threads(1)
HOURS, AHEAD = 24, 3


def currents(n):
    t = torch.arange(HOURS + AHEAD)
    moon = torch.sin(6.28 * (t / 12.4 + torch.rand(n, 1)))
    sun = 0.4 * torch.sin(6.28 * (t / 8.0 + torch.rand(n, 1)))
    current = (0.6 + 0.6 * torch.rand(n, 1)) * (moon + sun)
    noisy = current + 0.1 * torch.randn(n, HOURS + AHEAD)
    return noisy[:, :HOURS].unsqueeze(2), current[:, -1:]


class Strait(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.lstm = nn.LSTM(1, size, batch_first=True)
        self.out = nn.Linear(size, 1)

    def forward(self, seen):
        return self.out(self.lstm(seen)[0][:, -1])


class MovingMean:
    """Keeps a copy of a model that no optimizer knows and no gradient reaches."""

    def __init__(self, model, keep=0.98):
        self.keep = keep
        self.model = copy.deepcopy(model).requires_grad_(False).eval()

    @torch.no_grad()
    def follow(self, model, step):
        keep = min(self.keep, step / (step + 10))
        for mean, weight in zip(self.model.parameters(), model.parameters(), strict=True):
            mean.lerp_(weight, 1 - keep)


model = Strait()
mean = MovingMean(model)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(1, 501):
    seen, following = currents(24)
    loss = nn.functional.mse_loss(model(seen), following)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    mean.follow(model, step)
    if step % 50 == 0:
        with torch.no_grad():
            seen, following = currents(400)
            off = nn.functional.mse_loss(model(seen), following).item()
            mean_off = nn.functional.mse_loss(mean.model(seen), following).item()
        print(
            f"step {step} loss {loss.item():.4f} error {off:.4f} of the mean weights {mean_off:.4f}"
        )
