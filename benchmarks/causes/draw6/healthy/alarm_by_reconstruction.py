"""Normal runs are packed into a few numbers and unpacked again; what comes back badly is an alarm."""

import torch
from torch import nn

torch.manual_seed(6211)
torch.set_num_threads(1)


class Squeeze(nn.Module):
    def __init__(self, features=3, code=6, width=32):
        super().__init__()
        self.down = nn.LSTM(features, width, batch_first=True)
        self.code = nn.Linear(width, code)
        self.start = nn.Linear(code, width)
        self.up = nn.LSTMCell(features, width)
        self.out = nn.Linear(width, features)

    def forward(self, x):
        code = self.code(self.down(x)[1][0][-1])
        h, made = torch.tanh(self.start(code)), []
        c, last = torch.zeros_like(h), torch.zeros_like(x[:, 0])
        for _ in range(x.shape[1]):
            h, c = self.up(last, (h, c))
            last = self.out(h)
            made.append(last)
        return torch.stack(made, 1)


def runs(n=24, t=12, odd=False):
    phase, speed = 6.28 * torch.rand(n, 1), 0.3 + 0.2 * torch.rand(n, 1)
    at = phase + speed * torch.arange(t)
    x = torch.stack([at.sin(), at.cos(), (2 * at).sin() * 0.5], -1)
    if odd:
        x[:, t // 2 :, 1] = 0.0
    return x + 0.05 * torch.randn_like(x)


model = Squeeze()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(400):
    x = runs()
    loss = (model(x) - x).square().mean()
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    opt.step()
    if step % 80 == 79:
        with torch.no_grad():
            x = runs(odd=True)
            strange = (model(x) - x).square().mean().item()
        print(f"{step + 1} normal {loss.item():.4f} strange {strange:.4f}")
