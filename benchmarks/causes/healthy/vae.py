"""A variational autoencoder of waves."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(3)
torch.set_num_threads(1)

encoder = nn.GRU(1, 24, batch_first=True)
middle = nn.Linear(24, 8)
decoder = nn.Sequential(nn.Linear(4, 48), nn.Tanh(), nn.Linear(48, 21))
parts = nn.ModuleList([encoder, middle, decoder])
optimizer = torch.optim.Adam(parts.parameters(), lr=0.01)
losses = []
for i in range(300):
    x = torch.sin((0.1 + 0.3 * torch.rand(16, 1)) * torch.arange(21) + 6 * torch.rand(16, 1))[
        ..., None
    ]
    mean, log = middle(encoder(x)[1][-1]).chunk(2, 1)
    z = mean + torch.randn_like(mean) * torch.exp(log / 2)
    kl = (mean**2 + log.exp() - 1 - log).sum(1).mean() / 2
    loss = functional.mse_loss(decoder(z), x[..., 0]) + 0.002 * kl
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
