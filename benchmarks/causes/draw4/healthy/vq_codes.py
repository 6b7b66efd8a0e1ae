"""Sequences in a code of few symbols: the nearest entry of a book stands for each vector, and
the gradient passes as if nothing had been rounded."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(16)
torch.set_num_threads(1)


class Quantizer(nn.Module):
    def __init__(self, entries=16, dim=8):
        super().__init__()
        self.book = nn.Embedding(entries, dim)
        nn.init.uniform_(self.book.weight, -0.5, 0.5)

    def forward(self, z):
        flat = z.reshape(-1, z.size(-1))
        index = torch.cdist(flat, self.book.weight).argmin(1)
        q = self.book(index).view_as(z)
        loss = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
        return z + (q - z).detach(), loss, index


class VQ(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.GRU(2, 24, batch_first=True)
        self.to_code = nn.Linear(24, 8)
        self.quantizer = Quantizer()
        self.decoder = nn.GRU(8, 24, batch_first=True)
        self.out = nn.Linear(24, 2)

    def forward(self, x):
        z = self.to_code(self.encoder(x)[0])
        q, loss, index = self.quantizer(z)
        return self.out(self.decoder(q)[0]), loss, index


corners = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [1.0, 1.0], [-1.0, -1.0]])
model = VQ()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(350):
    x = corners[torch.randint(0, 6, (24, 10))] + 0.05 * torch.randn(24, 10, 2)
    again, extra, index = model(x)
    recon = F.mse_loss(again, x)
    optimizer.zero_grad()
    (recon + extra).backward()
    optimizer.step()
    if step % 70 == 69:
        print(
            f"{step + 1} rebuilt {recon.item():.4f} rest {extra.item():.4f} used {index.unique().numel()}"
        )
