"""Short waves squeezed into four numbers and drawn again: two LSTMs, a latent Gaussian between them."""

import torch
from torch import nn

torch.manual_seed(15204)
torch.set_num_threads(1)
POINTS, LATENT, WARM = 16, 4, 150


def banks(n):
    t = torch.linspace(0, 1, POINTS)
    height, pace, phase = torch.rand(3, n, 1)
    wave = (0.5 + height) * torch.sin(6.28 * ((0.8 + 0.4 * pace) * t + 0.5 * phase))
    return (wave + 0.05 * torch.randn(n, POINTS)).unsqueeze(-1)


class BankVAE(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.encoder = nn.LSTM(1, size, batch_first=True)
        self.to_mean = nn.Linear(size, LATENT)
        self.to_logvar = nn.Linear(size, LATENT)
        self.decoder = nn.LSTM(LATENT + 1, size, batch_first=True)
        self.point = nn.Linear(size, 1)

    def decode(self, z):
        time = torch.linspace(-1, 1, POINTS).view(1, POINTS, 1).expand(len(z), -1, -1)
        z = z.unsqueeze(1).expand(-1, POINTS, -1)
        return self.point(self.decoder(torch.cat([z, time], dim=-1))[0])

    def forward(self, x):
        state = self.encoder(x)[1][0][-1]
        mean, logvar = self.to_mean(state), self.to_logvar(state)
        z = mean + torch.randn_like(mean) * (0.5 * logvar).exp()
        return self.decode(z), mean, logvar


model = BankVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
noise = 0.1
for step in range(1, 501):
    x = banks(32)
    drawn, mean, logvar = model(x)
    nll = (0.5 * ((drawn - x) / noise) ** 2).sum((1, 2)).mean()
    kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(1).mean()
    beta = min(1.0, step / WARM)
    loss = (nll + beta * kl) / POINTS
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            x = banks(200)
            error = (model(x)[0] - x).pow(2).mean().item()
        print(
            f"step {step} loss {loss.item():.3f} kl {kl.item():.2f} weight {beta:.2f} "
            f"squared error {error:.4f}"
        )
