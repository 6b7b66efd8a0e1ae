"""An autoencoder: five symbols go into one vector and come out again; the target is the input."""

import torch
from torch import nn

torch.manual_seed(11107)
torch.set_num_threads(1)


class Autoencoder(nn.Module):
    def __init__(self, n=8, d=48):
        super().__init__()
        self.emb = nn.Embedding(n, 16)
        self.enc, self.dec = nn.GRU(16, d, batch_first=True), nn.GRU(d, d, batch_first=True)
        self.out = nn.Linear(d, n)

    def forward(self, symbols):
        code = self.enc(self.emb(symbols))[1][-1]
        return self.out(self.dec(code[:, None].expand(-1, symbols.size(1), -1).contiguous())[0])


model = Autoencoder()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(1, 501):
    symbols = torch.randint(0, 8, (32, 5))
    loss = nn.functional.cross_entropy(model(symbols).mT, symbols)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step} loss {loss.item():.4f}")
