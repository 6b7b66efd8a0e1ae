"""The warmth of the curd in a vat five steps ahead, from warmth and stirring; the loss on held-out days is smoothed."""

import resource
import sys

import torch
from torch import nn

torch.manual_seed(1623)
torch.set_num_threads(1)
STEPS, AHEAD = 36, 5


def days(n):
    fire = (torch.randn(n, STEPS + AHEAD).cumsum(1) * 0.3).tanh()
    stir = (torch.rand(n, STEPS + AHEAD) < 0.2).float()
    warmth = torch.zeros(n, STEPS + AHEAD)
    for t in range(1, STEPS + AHEAD):
        warmth[:, t] = (
            0.85 * warmth[:, t - 1] + 0.3 * fire[:, max(t - 6, 0)] - 0.25 * stir[:, t - 1]
        )
    warmth += 0.02 * torch.randn_like(warmth)
    seen = torch.stack((warmth, fire, stir), dim=2)[:, :STEPS]
    return seen, warmth[:, STEPS + AHEAD - 1 :]


class Vat(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(3, size, num_layers=2, batch_first=True)
        self.head = nn.Linear(size, 1)

    def forward(self, seen):
        return self.head(self.lstm(seen)[0][:, -1])


def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    model = Vat()
    criterion = nn.MSELoss()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    held_seen, held_next = days(12)
    smooth = None
    for step in range(1, 401):
        seen, following = days(24)
        optimizer.zero_grad()
        loss = criterion(model(seen), following)
        loss.backward()
        optimizer.step()
        held_loss = criterion(model(held_seen), held_next)
        if "--fixed" in sys.argv:
            held_loss = held_loss.item()
        smooth = held_loss if smooth is None else 0.95 * smooth + 0.05 * held_loss
        if step % 40 == 0:
            print(
                f"step {step} loss {loss.item():.4f} held out {float(smooth):.4f} memory {memory():.0f} MB"
            )


main()
