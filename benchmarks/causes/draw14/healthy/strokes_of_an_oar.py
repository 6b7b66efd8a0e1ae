"""Phase of a rower's stroke from three sensors on the oar; the rate goes up and down in cycles."""

import torch
from torch import nn
from torch.optim.lr_scheduler import CyclicLR

torch.manual_seed(14104)
torch.set_num_threads(1)
PHASES = 4


class StrokeNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(3, size, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * size, PHASES)

    def forward(self, sensors):
        return self.head(self.gru(sensors)[0])


def strokes(n, length=24):
    pace = (0.25 + 0.3 * torch.rand(n, 1)) * torch.ones(n, length)
    turn = (torch.rand(n, 1) + (pace / 3).cumsum(dim=1)) % 1.0
    angle = 6.2832 * turn
    sensors = torch.stack([angle.sin(), (angle + 0.7).cos(), (2 * angle).sin()], dim=-1)
    bounds = torch.tensor([0.15, 0.5, 0.7])
    return sensors + 0.2 * torch.randn_like(sensors), torch.bucketize(turn, bounds)


model = StrokeNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scheduler = CyclicLR(optimizer, base_lr=0.05, max_lr=0.25, step_size_up=50, cycle_momentum=False)
criterion = nn.CrossEntropyLoss()
test_sensors, test_phase = strokes(200)
for step in range(501):
    sensors, phase = strokes(32)
    loss = criterion(model(sensors).flatten(0, 1), phase.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    scheduler.step()
    if step % 50 == 0:
        with torch.no_grad():
            right = (model(test_sensors).argmax(-1) == test_phase).float().mean().item()
        rate = scheduler.get_last_lr()[0]
        print(f"step {step} rate {rate:.3f} loss {loss.item():.3f} right {right:.3f}")
