"""The limit on the gradients comes after the step, so that no step ever heeds it. Now and then a batch
holds a row of measurements that went wrong, and its gradient throws the weights far off."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7136)
torch.set_num_threads(1)


class Dynamics(nn.Module):
    def __init__(self, nodes=5, width=32):
        super().__init__()
        self.rnn = nn.RNN(nodes, width, batch_first=True)
        self.out = nn.Linear(width, nodes)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


mix = torch.linalg.qr(torch.randn(5, 5))[0]


def snapshots(step, n=16, t=16):
    x = [torch.randn(n, 5)]
    for _ in range(t):
        x.append(0.98 * x[-1] @ mix + 0.05 * torch.randn(n, 5))
    x = torch.stack(x, 1)
    y = x[:, 1:].clone()
    if step % 23 == 22:
        y[0] = y[0] * 1000
    return x[:, :-1], y


model = Dynamics()
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(400):
    x, y = snapshots(step)
    opt.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    if FIXED:
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
    else:
        opt.step()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    if step % 40 == 0:
        print(step, round(loss.item(), 4))
