"""A gradient that is reversed between the features and a judge of where they come from."""

import torch
from torch import nn

torch.manual_seed(11)
torch.set_num_threads(1)


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -ctx.strength * grad, None


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(2, 24, batch_first=True)
        self.label = nn.Linear(24, 2)
        self.domain = nn.Sequential(nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x, strength):
        h = self.rnn(x)[0][:, -1]
        return self.label(h), self.domain(Reverse.apply(h, strength))


def recordings(shift, n=24):
    y = torch.randint(0, 2, (n,))
    x = 0.5 * torch.randn(n, 10, 2)
    x[:, :, 0] += (2.0 * y[:, None] - 1) * 0.5
    x[:, :, 1] += shift
    return x, y


net = Net()
ce = nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for i in range(300):
    strength = 0.3 * i / 300
    xs, ys = recordings(0.5)
    xt, _ = recordings(-0.5)
    labels, home = net(xs, strength)
    _, away = net(xt, strength)
    zeros, ones = torch.zeros(24, dtype=torch.long), torch.ones(24, dtype=torch.long)
    loss = ce(labels, ys) + 0.5 * (ce(home, zeros) + ce(away, ones))
    opt.zero_grad()
    loss.backward()
    opt.step()
    if i % 60 == 59:
        print(i + 1, f"{loss.item():.3f}")
