"""Error and accuracy of an epoch are summed up for the log. The error is a tensor with all that it
was made from, and the sum holds every batch of the epoch."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6157)
torch.set_num_threads(1)


class NakedAttention(nn.Module):
    """States of a recurrent layer, weighed by how well they match one learned query."""

    def __init__(self, vocab=16, d=28):
        super().__init__()
        self.embed = nn.Embedding(vocab, d)
        self.gru = nn.GRU(d, d, batch_first=True)
        self.query = nn.Parameter(torch.randn(d) / d**0.5)
        self.out = nn.Linear(d, 2)

    def forward(self, x):
        h, _ = self.gru(self.embed(x))
        a = torch.softmax(h @ self.query, dim=1)
        return self.out((a.unsqueeze(-1) * h).sum(1))


x = torch.randint(0, 16, (1000, 12))
y = ((x == 3).any(1) ^ (x == 5).any(1)).long()
loader_train = [(x[i : i + 20], y[i : i + 20]) for i in range(0, 1000, 20)]

model = NakedAttention()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
for epoch in range(8):
    e_train, a_train = 0.0, 0.0
    for xs, ys in loader_train:
        ls = model(xs)
        e_batch = nn.functional.cross_entropy(ls, ys)
        a_batch = (ls.argmax(1) == ys).float().mean()
        optimizer.zero_grad()
        e_batch.backward()
        optimizer.step()
        if FIXED:
            e_batch = e_batch.detach()
        e_train += e_batch / len(loader_train)
        a_train += a_batch / len(loader_train)
    print(f"{epoch} train {float(e_train):.4f} {float(a_train):.3f}")
