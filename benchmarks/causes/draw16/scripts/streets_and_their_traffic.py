"""Traffic on eight streets at the next count, from the last twelve counts: streets mixed by a map, then a GRU."""

import sys

import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1635)
torch.set_num_threads(1)
STREETS, SEEN, COUNTS = 8, 12, 1400


def town():
    """Cars flow from each street into its neighbours; the hour of day pushes some of them in."""
    near = torch.rand(STREETS, STREETS) * (torch.rand(STREETS, STREETS) < 0.4)
    near = 0.8 * near / near.sum(1, keepdim=True).clamp(min=0.5)
    phase = 6.28 * torch.rand(STREETS)
    cars = torch.zeros(COUNTS, STREETS)
    for t in range(2, COUNTS):
        push = torch.sin(torch.tensor(6.28 * t / 24) + phase)
        cars[t] = torch.tanh(
            near @ cars[t - 1] - 0.5 * cars[t - 2] + 0.6 * push
        ) + 0.05 * torch.randn(STREETS)
    return cars, near


class StreetNet(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.mix = nn.Linear(STREETS, 24)
        self.gru = nn.GRU(24, size, batch_first=True)
        self.out = nn.Linear(size, STREETS)

    def forward(self, cars):
        out, _ = self.gru(torch.relu(self.mix(cars)))
        return self.out(out[:, -1])


def windows(cars):
    seen = cars.unfold(0, SEEN + 1, 1).transpose(1, 2)
    return TensorDataset(seen[:, :SEEN].contiguous(), seen[:, SEEN].contiguous())


def validate(model, val_iter):
    model.eval()
    with torch.no_grad():
        errors = [nn.functional.mse_loss(model(x), y, reduction="sum") for x, y in val_iter]
    return sum(errors).item() / len(val_iter.dataset) / STREETS


cars, near = town()
train_iter = DataLoader(windows(cars[:1100]), batch_size=32, shuffle=True)
val_iter = DataLoader(windows(cars[1100:]), batch_size=256)
model = StreetNet()
loss_fn = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=2e-3)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.6)
for epoch in range(1, 16):
    model.train()
    total = 0.0
    for x, y in train_iter:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
        if "--fixed" not in sys.argv:
            scheduler.step()
    if "--fixed" in sys.argv:
        scheduler.step()
    rate = optimizer.param_groups[0]["lr"]
    print(
        f"epoch {epoch} loss {total / len(train_iter):.4f} held out {validate(model, val_iter):.4f} rate {rate:.1e}"
    )
