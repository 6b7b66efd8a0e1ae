"""A wrapper runs a layer forwards and backwards over rows with time in front, and joins the two."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9040)
torch.set_num_threads(1)


class Bidirectional(nn.Module):
    def __init__(self, make, time_major=True):
        super().__init__()
        self.forward_layer, self.backward_layer = make(), make()
        self.time_major = time_major

    def forward(self, x):
        time_dim = 0 if self.time_major else 1
        y, _ = self.forward_layer(x)
        y_rev, _ = self.backward_layer(x.flip(time_dim))
        y_rev = y_rev.flip(time_dim if FIXED else 1)
        return torch.cat([y, y_rev], -1)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 16)
        self.encoder = Bidirectional(lambda: nn.LSTM(16, 24))
        self.tags = nn.Linear(48, 10)

    def forward(self, words):
        return self.tags(self.encoder(self.embed(words)))


model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(400):
    words = torch.randint(0, 10, (12, 24))
    tags = torch.cat([words[1:], words[:1] * 0])
    loss = nn.functional.cross_entropy(model(words).flatten(0, 1), tags.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 79:
        print(f"{step + 1:4d} loss {loss.item():.4f}")
