"""The next stroke of a pen is one of several: a mixture of normals behind an LSTM."""

import torch
from torch import nn

torch.manual_seed(9117)
torch.set_num_threads(1)
PARTS = 4


class Pen(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.lstm = nn.LSTM(2, hidden, batch_first=True)
        self.out = nn.Linear(hidden, PARTS * 5)

    def forward(self, strokes):
        y = self.out(self.lstm(strokes)[0])
        logit, mean, log_std = y.split([PARTS, 2 * PARTS, 2 * PARTS], -1)
        shape = (*y.shape[:2], PARTS, 2)
        return logit.log_softmax(-1), mean.view(shape), log_std.view(shape).clamp(-4, 2)


def nll(strokes, logit, mean, log_std):
    z = (strokes[:, :, None] - mean) / log_std.exp()
    each = -0.5 * z.square() - log_std - 0.919
    return -torch.logsumexp(logit + each.sum(-1), -1).mean()


def drawings(n=24, t=12):
    turn = torch.where(torch.rand(n, t) < 0.5, 0.6, -0.6)
    angle = turn.cumsum(1) + 6.28 * torch.rand(n, 1)
    return torch.stack([angle.cos(), angle.sin()], -1) + 0.03 * torch.randn(n, t, 2)


model = Pen()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(400):
    x = drawings()
    loss = nll(x[:, 1:], *model(x[:, :-1]))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 80 == 79:
        print(f"step {step + 1} negative log likelihood {loss.item():.4f}")
