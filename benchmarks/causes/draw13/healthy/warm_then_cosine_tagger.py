"""Warm-up and a cosine down to nothing at the last step, for a tagger of bracket depth."""

import math

import torch
from torch import nn

torch.manual_seed(2327)
torch.set_num_threads(1)
STEPS, WARM = 500, 50


class Depth(nn.Module):
    def __init__(self):
        super().__init__()
        self.signs = nn.Embedding(4, 12)
        self.gru = nn.GRU(12, 32, batch_first=True)
        self.depth = nn.Linear(32, 5)

    def forward(self, text):
        return self.depth(self.gru(self.signs(text))[0])


def texts(n, length=20):
    """Open, close, and two other signs; depth from 0 to 4."""
    depth, signs, depths = torch.zeros(n, dtype=torch.long), [], []
    for _ in range(length):
        sign = torch.randint(0, 4, (n,))
        sign = torch.where((sign == 0) & (depth == 4) | (sign == 1) & (depth == 0), 2, sign)
        depth = depth + (sign == 0).long() - (sign == 1).long()
        signs.append(sign)
        depths.append(depth)
    return torch.stack(signs, 1), torch.stack(depths, 1)


def factor(step):
    if step < WARM:
        return (step + 1) / WARM
    return 0.5 * (1 + math.cos(math.pi * (step - WARM) / (STEPS - WARM)))


model = Depth()
optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
text_val, depth_val = texts(300)
for step in range(1, STEPS + 1):
    text, depth = texts(32)
    loss = nn.functional.cross_entropy(model(text).flatten(0, 1), depth.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    if step % 50 == 0:
        with torch.no_grad():
            acc = (model(text_val).argmax(2) == depth_val).float().mean().item()
        rate = scheduler.get_last_lr()[0]
        print(f"step {step} rate {rate:.1e} loss {loss.item():.4f} acc {acc:.3f}")
