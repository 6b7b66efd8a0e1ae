"""Reproduce the input through a narrow state."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(2)
torch.set_num_threads(1)

encoder = nn.GRU(1, 24, batch_first=True)
decoder = nn.GRU(24, 24, batch_first=True)
head = nn.Linear(24, 1)
parts = nn.ModuleList([encoder, decoder, head])
optimizer = torch.optim.Adam(parts.parameters(), lr=0.01)
losses = []
for i in range(300):
    x = torch.sin((0.1 + 0.3 * torch.rand(16, 1)) * torch.arange(21) + 6 * torch.rand(16, 1))[
        ..., None
    ]
    code = encoder(x)[1][-1]
    loss = functional.mse_loss(head(decoder(code[:, None].expand(-1, 21, -1))[0]), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
