"""A sequence autoencoder: pulses go in, six numbers are kept, the same pulses are to come out."""

import torch
from torch import nn

torch.manual_seed(207)
torch.set_num_threads(1)
T = 12


class AutoEncoder(nn.Module):
    def __init__(self, width=32, code=6):
        super().__init__()
        self.encoder = nn.GRU(1, width, batch_first=True)
        self.squeeze = nn.Linear(width, code)
        self.widen = nn.Linear(code, width)
        self.decoder = nn.GRU(code, width, batch_first=True)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        code = self.squeeze(self.encoder(x)[1][0])
        steps = code[:, None].expand(-1, x.shape[1], -1)
        h, _ = self.decoder(steps, torch.tanh(self.widen(code))[None])
        return self.out(h)


def pulses(n=32):
    centre, width = 2 + 7 * torch.rand(n, 1), 1.5 + 2 * torch.rand(n, 1)
    height = 0.5 + torch.rand(n, 1)
    return (height * torch.exp(-(((torch.arange(T) - centre) / width) ** 2)))[..., None]


model = AutoEncoder()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(450):
    x = pulses()
    loss = nn.functional.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 90 == 89:
        print(f"{step + 1} {loss.item():.5f}")
