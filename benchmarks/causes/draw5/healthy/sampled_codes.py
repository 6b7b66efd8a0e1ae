"""A variational autoencoder of short tunes; the weight of its divergence rises from nought."""

import torch
from torch import nn

torch.manual_seed(5226)
torch.set_num_threads(1)

V = 10


class TuneVAE(nn.Module):
    def __init__(self, width=32, code=8):
        super().__init__()
        self.embed = nn.Embedding(V + 1, 16)
        self.encoder = nn.GRU(16, width, batch_first=True)
        self.mu, self.logvar = nn.Linear(width, code), nn.Linear(width, code)
        self.start = nn.Linear(code, width)
        self.decoder = nn.GRU(16 + code, width, batch_first=True)
        self.out = nn.Linear(width, V)

    def forward(self, x):
        h = self.encoder(self.embed(x))[1][0]
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        before = torch.cat([torch.full_like(x[:, :1], V), x[:, :-1]], 1)
        before = torch.where(torch.rand(before.shape) < 0.3, V, before)
        fed = torch.cat([self.embed(before), z[:, None].expand(-1, x.shape[1], -1)], -1)
        logits = self.out(self.decoder(fed, torch.tanh(self.start(z))[None])[0])
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
        return nn.functional.cross_entropy(logits.transpose(1, 2), x), kl


model = TuneVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for it in range(350):
    first = torch.randint(0, V, (24, 1))
    step = torch.randint(1, 4, (24, 1))
    tune = (first + step * torch.arange(8)) % V
    recon, kl = model(tune)
    beta = min(1.0, it / 250) * 0.02
    loss = recon + beta * kl
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 70 == 69:
        print(f"{it + 1} recon {recon.item():.3f} kl {kl.item():.2f}")
