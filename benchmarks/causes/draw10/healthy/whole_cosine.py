"""The rate warms up and then falls along a cosine to the very end of training."""

import math

import torch
from torch import nn

torch.manual_seed(10103)
torch.set_num_threads(1)
STEPS, WARM = 500, 40


def factor(step):
    if step < WARM:
        return (step + 1) / WARM
    return 0.5 * (1 + math.cos(math.pi * (step - WARM) / (STEPS - WARM)))


class Sorter(nn.Module):
    def __init__(self, things=8, width=32):
        super().__init__()
        self.embed = nn.Embedding(things, width)
        self.read = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.write = nn.GRU(2 * width, width, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * width, things)

    def forward(self, x):
        return self.out(self.write(self.read(self.embed(x))[0])[0])


model = Sorter()
optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
for step in range(STEPS):
    things = torch.randint(0, 8, (24, 6))
    logits = model(things)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), things.sort(1).values.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 100 == 99:
        print(f"{step + 1} lr {scheduler.get_last_lr()[0]:.5f} loss {loss.item():.4f}")
