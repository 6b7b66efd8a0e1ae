"""A sequence goes through a narrow code and is given back in reverse order, as such decoders like it."""

import torch
from torch import nn

torch.manual_seed(7671)
torch.set_num_threads(1)


class AutoEncoder(nn.Module):
    def __init__(self, d=40, code=6, t=16):
        super().__init__()
        self.t = t
        self.enc = nn.LSTM(1, d, batch_first=True)
        self.squeeze = nn.Linear(d, code)
        self.dec = nn.LSTM(code, d, batch_first=True)
        self.out = nn.Linear(d, 1)

    def forward(self, x):
        code = self.squeeze(self.enc(x)[1][0][-1])
        return self.out(self.dec(code[:, None].repeat(1, self.t, 1))[0]).flip(1)


def beats(n=32, t=16):
    where, high = 3 + 10 * torch.rand(n, 1), 0.5 + torch.rand(n, 1)
    return (high * torch.exp(-((torch.arange(t) - where) ** 2) / 4))[..., None]


model = AutoEncoder()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(400):
    x = beats()
    loss = nn.functional.mse_loss(model(x), x)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 80 == 79:
        print(step + 1, f"{loss.item():.5f}")
