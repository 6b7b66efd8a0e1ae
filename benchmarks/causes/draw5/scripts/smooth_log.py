"""The smoothed loss of the log was a tensor; each new value held the graph of all before."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(5127)
torch.set_num_threads(1)

embedding = nn.Embedding(20, 16)
gru = nn.GRU(16, 32)
out = nn.Linear(32, 20)
parameters = list(embedding.parameters()) + list(gru.parameters()) + list(out.parameters())
optimizer = torch.optim.Adam(parameters, lr=4e-3)


def random_training_set(chunk_len=14, batch_size=24):
    chunk = torch.randint(0, 20, (chunk_len + 1, batch_size))
    for t in range(2, chunk_len + 1):
        chunk[t] = torch.where(
            torch.rand(batch_size) < 0.9, (chunk[t - 1] + chunk[t - 2]) % 20, chunk[t]
        )
    return chunk[:-1], chunk[1:]


def train(inp, target):
    hidden, _ = gru(embedding(inp))
    loss = F.cross_entropy(out(hidden).view(-1, 20), target.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item() if FIXED else loss


loss_avg = 3.0
for epoch in range(1, 501):
    loss_avg = 0.97 * loss_avg + 0.03 * train(*random_training_set())
    if epoch % 100 == 0:
        print(f"({epoch} {epoch / 5:.0f}%) {float(loss_avg):.4f}")
