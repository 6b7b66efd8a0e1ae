"""The last layer lives in a loss that is built anew for each epoch, and is drawn anew with it. What it
had learned is gone every time, and the encoder has to follow another layer."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7336)
torch.set_num_threads(1)


class Encoder(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.rnn = nn.GRU(6, width, batch_first=True)

    def forward(self, x):
        return nn.functional.normalize(self.rnn(x)[1][0], dim=1)


class AngularLoss(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        self.fc = nn.Linear(width, classes, bias=False)

    def forward(self, z, y):
        w = nn.functional.normalize(self.fc.weight, dim=1)
        return nn.functional.cross_entropy(10 * z @ w.T, y)


speakers = 0.7 * torch.randn(8, 6)


def voices(n=32, t=12):
    y = torch.randint(0, 8, (n,))
    return speakers[y][:, None] + 0.6 * torch.randn(n, t, 6), y


encoder = Encoder()
criterion = AngularLoss(32, 8)
optimizer = torch.optim.Adam([*encoder.parameters(), *criterion.parameters()], lr=3e-3)
for epoch in range(24):
    if not FIXED:
        criterion.fc.reset_parameters()
    for _ in range(15):
        x, y = voices()
        loss = criterion(encoder(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1} loss {loss.item():.3f}")
