"""An autoencoder of sequences: what goes in, less some noise, is what has to come out."""

import torch
from torch import nn

torch.manual_seed(5213)
torch.set_num_threads(1)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.LSTM(2, 28, batch_first=True)
        self.code = nn.Linear(28, 8)
        self.decoder = nn.LSTM(8, 28, batch_first=True)
        self.out = nn.Linear(28, 2)

    def forward(self, x):
        z = self.code(self.encoder(x)[1][0][-1])
        return self.out(self.decoder(z[:, None].expand(-1, x.shape[1], -1))[0])


model = Autoencoder()
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)
clock = torch.arange(10.0)[None, :]
for it in range(400):
    phase, speed = torch.rand(32, 1) * 6.28, 0.3 + 0.3 * torch.rand(32, 1)
    clean = torch.stack([torch.sin(speed * clock + phase), torch.cos(speed * clock + phase)], -1)
    loss = nn.functional.mse_loss(model(clean + 0.1 * torch.randn_like(clean)), clean)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 80 == 79:
        print(f"{it + 1} {loss.item():.4f}")
