"""Contrastive prediction: which of the batch's future windows belongs to this past?"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(6203)
torch.set_num_threads(1)


class CPC(nn.Module):
    def __init__(self, d_in=3, d=32):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(d_in, d), nn.ReLU(), nn.Linear(d, d))
        self.context = nn.GRU(d, d, batch_first=True)
        self.ahead = nn.ModuleList(nn.Linear(d, d, bias=False) for _ in range(3))

    def forward(self, x):
        z = self.encoder(x)
        past = self.context(z[:, :-3])[0][:, -1]
        loss = 0.0
        for k, predict in enumerate(self.ahead):
            scores = predict(past) @ z[:, -3 + k].T / 32**0.5
            loss = loss + F.cross_entropy(scores, torch.arange(len(x))) / 3
        return loss


def signals(n=32, t=14):
    phase, speed = 6.28 * torch.rand(n, 1, 3), 0.2 + 0.8 * torch.rand(n, 1, 3)
    return torch.sin(phase + speed * torch.arange(t)[None, :, None]) + 0.1 * torch.randn(n, t, 3)


model = CPC()
opt = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)
for step in range(350):
    loss = model(signals())
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 70 == 69:
        print(f"{step + 1}: {loss.item():.3f} of {torch.tensor(32.0).log().item():.3f}")
