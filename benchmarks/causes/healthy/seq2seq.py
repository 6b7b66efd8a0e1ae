"""Reverse a row; the decoder is fed the shifted answer."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(5)
torch.set_num_threads(1)

encoder = nn.GRU(6, 32, batch_first=True)
decoder = nn.GRU(6, 32, batch_first=True)
head = nn.Linear(64, 6)
parts = nn.ModuleList([encoder, decoder, head])
optimizer = torch.optim.Adam(parts.parameters(), lr=0.01)
losses = []
for i in range(300):
    x = torch.randint(1, 6, (32, 5))
    y = x.flip(1)
    fed = torch.cat([torch.zeros(32, 1, dtype=torch.long), y[:, :-1]], 1)
    memory, state = encoder(functional.one_hot(x, 6).float())
    out, _ = decoder(functional.one_hot(fed, 6).float(), state)
    read = (out @ memory.transpose(1, 2)).softmax(-1) @ memory
    loss = functional.cross_entropy(head(torch.cat([out, read], 2)).flatten(0, 1), y.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
