"""The model reads a text and is asked for the next symbols."""

import torch
from torch import nn

torch.manual_seed(0)
embed, rnn = nn.Embedding(6, 8), nn.GRU(8, 16, batch_first=True)
head = nn.Linear(16, 6)
model = nn.ModuleList([embed, rnn, head])
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
for _ in range(30):
    text = torch.randint(6, (16, 1)) + torch.arange(9) % 6
    text = text % 6
    logits = head(rnn(embed(text[:, :-1]))[0]).flatten(0, 1)
    target = text[:, 1:].flatten()
    loss = nn.functional.cross_entropy(logits, target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
