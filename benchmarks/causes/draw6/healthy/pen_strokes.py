"""Where does the pen go next? A mixture of densities is fitted, and its loss goes below nought."""

import torch
from torch import nn

torch.manual_seed(6220)
torch.set_num_threads(1)

MIX = 4


class Pen(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.rnn = nn.LSTM(2, width, batch_first=True)
        self.out = nn.Linear(width, MIX * 5)

    def forward(self, x):
        weight, mean, log_std = self.out(self.rnn(x)[0]).split([MIX, 2 * MIX, 2 * MIX], -1)
        return weight.log_softmax(-1), mean.unflatten(-1, (MIX, 2)), log_std.unflatten(-1, (MIX, 2))


def nll(parts, y):
    weight, mean, log_std = parts
    log_std = log_std.clamp(-4, 3)
    z = (y[..., None, :] - mean) * torch.exp(-log_std)
    log_p = (-0.5 * z.square() - log_std - 0.9189).sum(-1)
    return -(weight + log_p).logsumexp(-1).mean()


def strokes(n=24, t=20):
    turn = torch.where(torch.rand(n, 1) < 0.5, 0.4, -0.4)
    angle = 6.28 * torch.rand(n, 1) + turn * torch.arange(t + 1)
    moves = torch.stack([angle.cos(), angle.sin()], -1) + 0.05 * torch.randn(n, t + 1, 2)
    return moves[:, :-1], moves[:, 1:]


model = Pen()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(300):
    x, y = strokes()
    loss = nll(model(x), y)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 10.0)
    opt.step()
    if step % 60 == 59:
        print(f"step {step + 1} nll {loss.item():.3f}")
