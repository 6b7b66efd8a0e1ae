"""Vibrations are squeezed into six numbers and made again; the squeezed part is noised a little."""

import torch
from torch import nn

torch.manual_seed(9111)
torch.set_num_threads(1)
T = 16


class AutoEncoder(nn.Module):
    def __init__(self, code=6, hidden=32):
        super().__init__()
        self.encode = nn.GRU(2, hidden, batch_first=True)
        self.code = nn.Linear(hidden, code)
        self.start = nn.Linear(code, hidden)
        self.decode = nn.GRU(code, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 2)

    def forward(self, x):
        z = self.code(self.encode(x)[1][0])
        if self.training:
            z = z + 0.02 * torch.randn_like(z)
        steps = z[:, None].expand(-1, T, -1).contiguous()
        return self.out(self.decode(steps, self.start(z).tanh()[None])[0])


def vibrations(n=32):
    a, f, p = 0.5 + torch.rand(n, 1), 0.2 + 0.4 * torch.rand(n, 1), 6.28 * torch.rand(n, 1)
    angle = f * torch.arange(T) + p
    return torch.stack([a * angle.sin(), a * angle.cos()], -1)


model = AutoEncoder()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(500):
    x = vibrations()
    loss = nn.functional.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 100 == 99:
        print(f"step {step + 1} error {loss.item():.4f}")
