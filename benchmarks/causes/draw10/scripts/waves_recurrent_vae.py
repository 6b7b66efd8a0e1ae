"""A recurrent net with a latent code at each step models waves of several lengths."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(126)
torch.set_num_threads(1)
clip = 1.0


class VRNN(nn.Module):
    def __init__(self, x_dim=2, h_dim=32, z_dim=4):
        super().__init__()
        self.enc = nn.Linear(x_dim + h_dim, 2 * z_dim)
        self.dec = nn.Sequential(nn.Linear(z_dim + h_dim, 32), nn.ReLU(), nn.Linear(32, x_dim))
        self.cell = nn.GRUCell(x_dim + z_dim, h_dim)
        self.h_dim = h_dim

    def forward(self, x):
        h = x.new_zeros(len(x), self.h_dim)
        kld = nll = 0.0
        for x_t in x.unbind(1):
            mean, log_var = self.enc(torch.cat([x_t, h], 1)).chunk(2, 1)
            z = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
            said = self.dec(torch.cat([z, h], 1))
            h = self.cell(torch.cat([x_t, z], 1), h)
            nll = nll + (said - x_t).pow(2).sum(1).mean()
            kld = kld + 0.01 * (mean**2 + log_var.exp() - 1 - log_var).sum(1).mean()
        return (nll + kld) / x.shape[1]


def waves(n=24, t=12):
    phase = (0.3 + 0.5 * torch.rand(n, 1)) * torch.arange(t) + 6.28 * torch.rand(n, 1)
    return 3.0 * torch.stack([phase.sin(), phase.cos()], -1)


model = VRNN()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
seen = []
for batch_idx in range(1, 351):
    optimizer.zero_grad()
    loss = model(waves())
    loss.backward()
    if FIXED:
        nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    if not FIXED:
        # grad norm clipping, only in pytorch version >= 1.10
        nn.utils.clip_grad_norm_(model.parameters(), clip)
    seen.append(loss.item())
    if batch_idx % 50 == 0:
        print(
            f"[{batch_idx}/350] loss median {sorted(seen[-50:])[25]:.4f} max {max(seen[-50:]):.3f}"
        )
