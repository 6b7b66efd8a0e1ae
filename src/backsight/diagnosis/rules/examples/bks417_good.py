"""Rows are sorted for packing, and so are their targets."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

torch.manual_seed(0)
embed, rnn, head = nn.Embedding(9, 8), nn.GRU(8, 8), nn.Linear(8, 8)
parameters = [*embed.parameters(), *rnn.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.001)
sizes = torch.randint(3, 12, (64,))
symbols = torch.randint(1, 9, (64, 12))
text = symbols * (torch.arange(12) < sizes[:, None])
for _ in range(20):
    rows = torch.randperm(64)[:32]
    x, y = text[rows], text[rows, 0] - 1
    lengths, order = sizes[rows].sort(descending=True)
    x, y = x[order], y[order]
    packed = pack_padded_sequence(embed(x).transpose(0, 1), lengths)
    loss = nn.functional.cross_entropy(head(rnn(packed)[1][0]), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
