"""Depth of snow in two days as three quantiles, low, middle and high; its spread grows with the wind."""

import torch
from torch import nn

torch.manual_seed(169505)
torch.set_num_threads(1)
DAYS, LEVELS = 18, torch.tensor([0.1, 0.5, 0.9])


def winters(n):
    """Snow falls and melts; what the next days bring is noise, the more the windier it has been."""
    cold, wind = torch.randn(n, DAYS), torch.rand(n, DAYS)
    depth, seen = torch.zeros(n), []
    for t in range(DAYS):
        depth = 0.85 * depth + 0.4 * torch.relu(cold[:, t])
        seen.append(depth)
    depth = torch.stack(seen, dim=1) + 0.05 * torch.randn(n, DAYS)
    spread = 0.05 + 0.5 * wind[:, -4:].mean(dim=1)
    later = 0.7 * seen[-1] + 0.3 * torch.relu(cold[:, -2]) + spread * torch.randn(n)
    return torch.stack([depth, cold, wind], dim=-1), later


class SnowNet(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(3, hidden, batch_first=True)
        self.out = nn.Linear(hidden, len(LEVELS))

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.out(h[-1])


def pinball(quantiles, later):
    """Each of the three guesses is held against the one depth that came."""
    short = later.unsqueeze(1) - quantiles
    return torch.maximum(LEVELS * short, (LEVELS - 1) * short).mean()


model = SnowNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
test_x, test_later = winters(400)
recent = []
for step in range(1, 301):
    x, later = winters(40)
    loss = pinball(model(x), later)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    recent.append(loss.item())
    if step % 50 == 0:
        with torch.no_grad():
            quantiles = model(test_x)
            error = pinball(quantiles, test_later).item()
            below = (test_later.unsqueeze(1) < quantiles).float().mean(dim=0)
        print(
            f"step {step} loss {sum(recent[-50:]) / 50:.4f} test {error:.4f} "
            f"below {', '.join(f'{share:.2f}' for share in below)}"
        )
