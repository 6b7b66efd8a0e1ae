"""Will a patient ring for the nurse in the next hour? Pulse and breath of the last hours say."""

import sys

import torch
from torch import nn

torch.manual_seed(1516)
torch.set_num_threads(1)
HOURS = 12


def nights(n):
    """A patient rings when the unrest kept from the past hours is high."""
    signs = torch.randn(n, HOURS, 2)
    unrest = torch.zeros(n)
    for t in range(HOURS):
        unrest = 0.8 * unrest + signs[:, t, 0] * (1 + 0.5 * signs[:, t, 1])
    return signs, (unrest > 0.3).float()


class Ward(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(2, size, batch_first=True)
        self.ring = nn.Sequential(nn.Linear(size, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, signs):
        states, _ = self.lstm(signs)
        return self.ring(states[:, -1]).squeeze(-1)


def backward_and_clip(loss, model, optimizer, max_norm=1.0):
    if "--fixed" in sys.argv:
        optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    if "--fixed" not in sys.argv:
        optimizer.zero_grad()
    return norm


model = Ward()
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
criterion = nn.BCEWithLogitsLoss()
test_signs, test_ring = nights(600)
for step in range(1, 601):
    signs, ring = nights(48)
    loss = criterion(model(signs), ring)
    norm = backward_and_clip(loss, model, optimizer)
    optimizer.step()
    if step % 60 == 0:
        with torch.no_grad():
            right = ((model(test_signs) > 0) == test_ring.bool()).float().mean()
        print(f"step {step} loss {loss.item():.4f} norm {norm:.3f} right {right:.3f}")
