"""A ferry's engine log (revs, rudder) tells its speed through the water; gated memories under weight decay."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(15532)
torch.set_num_threads(1)
MINUTES = 48


def crossings(n):
    """Speed follows the revs with the ferry's weight behind it; the rudder brakes."""
    revs = torch.rand(n, MINUTES // 8).repeat_interleave(8, 1)
    rudder = (torch.rand(n, MINUTES // 4) - 0.5).repeat_interleave(4, 1)
    speed, now = [], torch.zeros(n)
    for t in range(MINUTES):
        now = now + (revs[:, t] * (1 - 1.5 * rudder[:, t].abs()) - now) / 7
        speed.append(now)
    speed = torch.stack(speed, 1) + 0.01 * torch.randn(n, MINUTES)
    return torch.stack((revs * 2 - 1, rudder * 2), -1), (speed - 0.28) / 0.15


class GatedLayer(nn.Module):
    """h = (1 - z) * h + z * candidate, both from the input alone."""

    def __init__(self, width):
        super().__init__()
        self.gate = nn.Linear(width, width)
        self.candidate = nn.Linear(width, width)
        nn.init.uniform_(self.gate.bias, -3.0, 0.0)

    def forward(self, x):
        z = torch.sigmoid(self.gate(x))
        keep, new = (1 - z).unbind(1), (z * self.candidate(x)).unbind(1)
        h, states = torch.zeros_like(new[0]), []
        for k, n in zip(keep, new, strict=True):
            h = k * h + n
            states.append(h)
        return torch.stack(states, 1)


class Log(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.into = nn.Sequential(nn.Linear(2, width), nn.GELU())
        self.gated = GatedLayer(width)
        self.out = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1))

    def forward(self, x):
        return self.out(self.gated(self.into(x))).squeeze(-1)


model = Log()
loader = DataLoader(TensorDataset(*crossings(1280)), batch_size=32, shuffle=True)
x_test, y_test = crossings(160)
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.05)
for epoch in range(1, 11):
    losses = []
    for x, y in loader:
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        test = nn.functional.mse_loss(model(x_test), y_test).item()
    print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} test {test:.4f}")
