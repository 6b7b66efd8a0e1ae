"""The rate rises for a tenth of the steps and then follows a cosine down to nought at the end."""

import math

import torch
from torch import nn

torch.manual_seed(1173)
torch.set_num_threads(1)
STEPS, WARM, PEAK = 500, 50, 4e-3


def rate(step):
    if step < WARM:
        return PEAK * (step + 1) / WARM
    return PEAK * 0.5 * (1 + math.cos(math.pi * (step - WARM) / (STEPS - WARM)))


class Sorter(nn.Module):
    """Says of each number in a row which place it has when the row is sorted."""

    def __init__(self, places=5, d=32):
        super().__init__()
        self.lift = nn.Linear(1, d)
        block = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(block, 2)
        self.place = nn.Linear(d, places)

    def forward(self, numbers):
        return self.place(self.blocks(self.lift(numbers.unsqueeze(-1))))


net = Sorter()
adamw = torch.optim.AdamW(net.parameters(), lr=PEAK, weight_decay=0.01)
for step in range(STEPS):
    for group in adamw.param_groups:
        group["lr"] = rate(step)
    numbers = torch.rand(32, 5) * 2 - 1
    places = numbers.argsort(1).argsort(1)
    loss = nn.functional.cross_entropy(net(numbers).flatten(0, 1), places.flatten())
    adamw.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    adamw.step()
    if step % 100 == 99:
        print(f"step {step + 1} loss {loss.item():.4f} rate {rate(step):.2e}")
