"""The batch is packed with the lengths of its sequences."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence as pack

torch.manual_seed(0)
embed, rnn = nn.Embedding(6, 8), nn.GRU(8, 16, batch_first=True)
model = nn.ModuleList([embed, rnn, head := nn.Linear(16, 6)])
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(30):
    x = torch.randint(1, 6, (16, 12))
    x[torch.arange(12) >= torch.randint(3, 13, (16, 1))] = 0
    lengths = (x != 0).sum(1)
    packed = pack(embed(x), lengths, True, enforce_sorted=False)
    _, h = rnn(packed)
    loss = nn.functional.cross_entropy(head(h[-1]), x[:, 0])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
