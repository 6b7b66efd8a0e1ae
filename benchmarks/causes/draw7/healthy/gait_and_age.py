"""One body, two heads: the kind of a walk and the walker's speed, with fixed weights between the losses."""

import torch
from torch import nn

torch.manual_seed(7657)
torch.set_num_threads(1)


class Body(nn.Module):
    def __init__(self, d=40):
        super().__init__()
        self.rnn = nn.LSTM(3, d, batch_first=True, bidirectional=True)
        self.kind = nn.Linear(2 * d, 3)
        self.speed = nn.Linear(2 * d, 1)

    def forward(self, x):
        _, (h, _) = self.rnn(x)
        h = torch.cat([h[0], h[1]], 1)
        return self.kind(h), self.speed(h)[:, 0]


def walks(n=32, t=20):
    kind, speed = torch.randint(0, 3, (n,)), 0.4 + 0.6 * torch.rand(n)
    angle = speed[:, None] * torch.arange(t) + 6.28 * torch.rand(n, 1)
    lag = (kind[:, None] - 1) * 1.5
    x = torch.stack([angle.sin(), (angle + lag).sin(), (2 * angle).cos()], -1)
    return x + 0.1 * torch.randn_like(x), kind, speed


net = Body()
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
for step in range(250):
    x, kind, speed = walks()
    k, s = net(x)
    kind_loss, speed_loss = nn.functional.cross_entropy(k, kind), nn.functional.mse_loss(s, speed)
    opt.zero_grad()
    (kind_loss + 5 * speed_loss).backward()
    opt.step()
    if step % 50 == 49:
        print(step + 1, round(kind_loss.item(), 3), round(speed_loss.item(), 4))
