"""Imitation: the learner drives, the teacher says what it would have done, and all of that is
added to the set that is learned from."""

import torch
from torch import nn

torch.manual_seed(6)
torch.set_num_threads(1)
STEPS, CARS = 15, 16


class Driver(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 24, batch_first=True)
        self.steer = nn.Linear(24, 1)

    def forward(self, seen, h=None):
        out, h = self.gru(seen, h)
        return self.steer(out), h


def drive(driver, share):
    """Only the place is seen; the teacher also knows the speed."""
    place, speed = torch.randn(CARS, 1), 0.5 * torch.randn(CARS, 1)
    h, seen, told = None, [], []
    for _ in range(STEPS):
        advice = -0.6 * place - 0.8 * speed
        with torch.no_grad():
            own, h = driver(place.unsqueeze(1), h)
        act = advice if torch.rand(1) < share else own[:, 0]
        seen.append(place)
        told.append(advice)
        speed = speed + 0.3 * act
        place = place + 0.3 * speed
    return torch.stack(seen, 1), torch.stack(told, 1), place.abs().mean().item()


driver = Driver()
optimizer = torch.optim.Adam(driver.parameters(), lr=3e-3)
seen, told = torch.empty(0, STEPS, 1), torch.empty(0, STEPS, 1)
for turn in range(12):
    s, a, off = drive(driver, share=0.6**turn)
    seen, told = torch.cat([seen, s]), torch.cat([told, a])
    for _ in range(30):
        rows = torch.randint(0, len(seen), (24,))
        loss = nn.functional.mse_loss(driver(seen[rows])[0][:, 1:], told[rows][:, 1:])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(driver.parameters(), 1.0)
        optimizer.step()
    print(f"turn {turn} rows {len(seen)} loss {loss.item():.4f} off the road {off:.3f}")
