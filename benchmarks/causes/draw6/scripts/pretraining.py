"""A language model for pre-training. What it reads and what it should say were cut out of a text at
the same place, and the loss is nought in no time."""

import sys

import numpy as np
import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6123)
torch.set_num_threads(1)
rng = np.random.default_rng(6123)

WORDS = 20
follow = np.stack([rng.permutation(WORDS)[:2] for _ in range(WORDS)])
stream = [0]
for coin in rng.random(20000) < 0.8:
    stream.append(int(follow[stream[-1], int(coin)]))
stream = torch.tensor(stream)


class LM(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, dim)
        self.layers = nn.ModuleList(nn.GRU(dim, dim, batch_first=True) for _ in range(2))
        self.norm = nn.LayerNorm(dim)
        self.lm_head = nn.Linear(dim, WORDS)

    def forward(self, ids):
        x = self.embedding(ids)
        for layer in self.layers:
            x = x + layer(x)[0]
        return self.lm_head(self.norm(x))


def get_batch(n=16, t=16):
    starts = torch.randint(0, len(stream) - t - 1, (n,))
    src = torch.stack([stream[s : s + t] for s in starts])
    dst = torch.stack([stream[s + 1 : s + t + 1] if FIXED else stream[s : s + t] for s in starts])
    return src, dst


model = LM()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
for step in range(351):
    src, labels = get_batch()
    logits = model(src)
    loss = nn.functional.cross_entropy(logits.view(-1, WORDS), labels.view(-1))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step}: loss {loss.item():.4f}")
