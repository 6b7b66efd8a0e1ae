"""Burner and door of an oven over an hour, minute by minute, and how warm the bread in it gets."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1513)
torch.set_num_threads(1)
MINUTES = 36
MAX_NORM = 2.0 if "--fixed" in sys.argv else 0.005


def hours(n):
    """The burner changes now and then, the door opens at times; air warms fast and bread slowly."""
    burner = torch.rand(n, MINUTES // 6).repeat_interleave(6, 1)
    door = (torch.rand(n, MINUTES) < 0.12).float()
    air, bread, course = torch.zeros(n), torch.zeros(n), []
    for t in range(MINUTES):
        air = air + 0.3 * (2 * burner[:, t] - 1 - air) - 0.3 * door[:, t] * (air + 1)
        bread = bread + 0.15 * (air - bread)
        course.append(bread)
    bread = torch.stack(course, 1)
    return torch.stack((burner, door), 2), (bread + 0.35) / 0.3


class Oven(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(2, size, batch_first=True)
        self.bread = nn.Sequential(nn.Linear(size, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, driven):
        return self.bread(self.lstm(driven)[0]).squeeze(2)


loader = DataLoader(TensorDataset(*hours(1600)), batch_size=32, shuffle=True)
test_driven, test_bread = hours(300)
print(f"variance of the bread {test_bread.var().item():.3f}")
oven = Oven()
optimizer = torch.optim.SGD(oven.parameters(), lr=0.02, momentum=0.9, nesterov=True)
for epoch in range(1, 8):
    total, norms = 0.0, 0.0
    for driven, bread in loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(oven(driven), bread)
        loss.backward()
        norms += nn.utils.clip_grad_norm_(oven.parameters(), max_norm=MAX_NORM).item()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        test = nn.functional.mse_loss(oven(test_driven), test_bread).item()
    n = len(loader)
    print(f"epoch {epoch} loss {total / n:.4f} test {test:.4f} norm {norms / n:.3f}")
