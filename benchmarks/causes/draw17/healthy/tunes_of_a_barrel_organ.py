"""Which pin comes next on an organ's barrel? The net that plays in the end is a slow mean of the one trained."""

import copy
import math

import torch
from torch import nn

torch.manual_seed(1764)
torch.set_num_threads(1)
PINS, LENGTH, STEPS, WARMUP = 10, 20, 320, 32
table = torch.stack([torch.randperm(PINS) for _ in range(PINS)])


def tunes(n):
    """The next pin follows from the last two by a table; now and then it is any pin."""
    pins = [torch.randint(0, PINS, (n,)), torch.randint(0, PINS, (n,))]
    for _ in range(LENGTH - 1):
        following = table[pins[-2], pins[-1]]
        stray = torch.rand(n) < 0.05
        pins.append(torch.where(stray, torch.randint(0, PINS, (n,)), following))
    rows = torch.stack(pins, dim=1)
    return rows[:, :-1], rows[:, 1:]


class Organ(nn.Module):
    def __init__(self, size=64):
        super().__init__()
        self.embed = nn.Embedding(PINS, 16)
        self.gru = nn.GRU(16, size, batch_first=True)
        self.pin = nn.Linear(size, PINS)

    def forward(self, pins):
        return self.pin(self.gru(self.embed(pins))[0])


@torch.no_grad()
def right(model):
    pins, following = tunes(200)
    return (model(pins).argmax(2) == following)[:, 1:].float().mean().item()


def rate(step):
    if step < WARMUP:
        return (step + 1) / WARMUP
    done = (step - WARMUP) / (STEPS - WARMUP)
    return 0.5 * (1 + math.cos(math.pi * done))


model = Organ()
slow = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
for step in range(1, STEPS + 1):
    pins, following = tunes(32)
    loss = nn.functional.cross_entropy(model(pins).flatten(0, 1), following.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    with torch.no_grad():
        for mean, weight in zip(slow.parameters(), model.parameters(), strict=True):
            mean.lerp_(weight, 0.03)
    if step % 40 == 0:
        print(
            f"step {step} loss {loss.item():.4f} right {right(model):.3f}, mean {right(slow):.3f}"
        )
