"""Blood sugar measured at odd hours; a cell whose state fades with the time passed foretells the next value."""

import resource
import sys

import torch
from torch import nn

torch.manual_seed(1509)
torch.set_num_threads(1)
VISITS = 16


def patients(n):
    """Values swing around each patient's own level; visits are 0.2 to 2 hours apart."""
    hours = (0.2 + 1.8 * torch.rand(n, VISITS + 1)).cumsum(1)
    level, swing = torch.randn(n, 1), 0.5 + torch.rand(n, 1)
    value = level + swing * torch.sin(0.7 * hours + 6.28 * torch.rand(n, 1))
    return value + 0.05 * torch.randn(n, VISITS + 1), hours.diff(dim=1)


class FadingCell(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.size = size
        self.fade = nn.Linear(1, size)
        self.cell = nn.GRUCell(2, size)
        self.out = nn.Linear(size + 1, 1)

    def forward(self, value, gap):
        """From the values up to each visit, and the gap to the next, the next value."""
        state, guesses = value.new_zeros(len(value), self.size), []
        for t in range(VISITS):
            state = self.cell(torch.stack((value[:, t], gap[:, t]), 1), state)
            state = state * torch.sigmoid(2 + self.fade(gap[:, t : t + 1]))
            guesses.append(self.out(torch.cat((state, gap[:, t : t + 1]), 1)))
        return torch.cat(guesses, 1)


def megabytes():
    """What this process has needed so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


model = FadingCell()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.MSELoss()
valid_value, valid_gap = patients(64)
history = {"train": [], "valid": []}
for step in range(1, 351):
    value, gap = patients(32)
    loss = criterion(model(value, gap), value[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    history["train"].append(loss.item() if "--fixed" in sys.argv else loss)
    if step % 5 == 0:
        valid_loss = criterion(model(valid_value, valid_gap), valid_value[:, 1:])
        history["valid"].append(valid_loss.item() if "--fixed" in sys.argv else valid_loss)
    if step % 50 == 0:
        train_mean = sum(history["train"][-50:]) / 50
        print(f"step {step} loss {train_mean:.4f} valid {history['valid'][-1]:.4f}", end=" ")
        print(f"memory {megabytes()} MB")
