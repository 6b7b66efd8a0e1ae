"""A range test: the rate rises until the loss goes."""

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(2, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


net = Net()
opt = torch.optim.SGD(net.parameters(), 1e-6)
n = 200
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda i: (1e8) ** (i / n))
best = float("inf")
smooth = None
for i in range(n):
    x = torch.randn(32, 12, 2)
    y = x[:, :, 0].sum(1, keepdim=True)
    loss = nn.functional.mse_loss(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    smooth = loss.item() if smooth is None else 0.9 * smooth + 0.1 * loss.item()
    best = min(best, smooth)
    if i > 20 and smooth > 4 * best:
        print("stop", i, smooth, best)
        break
