"""Weights that adapt to a new sine within one inner step; gradients pass through that step."""

import torch
from torch import nn
from torch.func import functional_call

torch.manual_seed(4)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 16, batch_first=True)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


def task():
    speed, phase = 0.2 + 0.6 * torch.rand(()), 6 * torch.rand(2, 8, 1)
    wave = torch.sin(speed * torch.arange(16) + phase)[..., None]
    return (wave[0, :, :-1], wave[0, :, 1:]), (wave[1, :, :-1], wave[1, :, 1:])


net = Net()
mse = nn.MSELoss()
outer = torch.optim.Adam(net.parameters(), lr=3e-3)
for it in range(150):
    outer.zero_grad()
    total = 0.0
    for _ in range(2):
        (x, y), (x2, y2) = task()
        weights = dict(net.named_parameters())
        inner = mse(functional_call(net, weights, (x,)), y)
        grads = torch.autograd.grad(inner, list(weights.values()), create_graph=True)
        fast = {k: w - 0.05 * g for (k, w), g in zip(weights.items(), grads)}
        loss = mse(functional_call(net, fast, (x2,)), y2) / 2
        loss.backward()
        total += loss.item()
    outer.step()
    if it % 30 == 29:
        print(it + 1, f"{total:.4f}")
