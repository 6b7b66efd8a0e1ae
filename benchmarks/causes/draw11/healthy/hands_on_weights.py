"""A tanh network learns to delay a signal by one step; weights are moved by hand, with no optimizer."""

import torch
from torch import nn

torch.manual_seed(11101)
torch.set_num_threads(1)
net = nn.RNN(1, 20, batch_first=True)
read = nn.Linear(20, 1)
params = list(net.parameters()) + list(read.parameters())
for step in range(1, 601):
    x = torch.randn(32, 12, 1)
    delayed = torch.cat([torch.zeros(32, 1, 1), x[:, :-1]], 1)
    loss = (read(net(x)[0]) - delayed).pow(2).mean()
    grads = torch.autograd.grad(loss, params)
    with torch.no_grad():
        for p, g in zip(params, grads, strict=True):
            p.add_(g, alpha=-0.1)
    if step % 100 == 0:
        print(f"{step}: {loss.item():.5f}")
