"""Each step was slower than the last. History was retained to silence an error,
and every window went back to the beginning."""

import sys

import torch
from torch import nn
from torch.nn import functional

FIXED = "--fixed" in sys.argv
torch.manual_seed(4)
torch.set_num_threads(1)

rnn = nn.RNNCell(1, 16)
head = nn.Linear(16, 1)
optimizer = torch.optim.SGD([*rnn.parameters(), *head.parameters()], lr=0.02)
losses, state = [], torch.zeros(8, 16)
phase = torch.rand(8, 1) * 6
for i in range(150):
    x = torch.sin(0.3 * i + phase)
    y = torch.sin(0.3 * (i + 1) + phase)
    state = rnn(x, state.detach() if FIXED else state)
    loss = functional.mse_loss(head(state), y)
    grads = torch.autograd.grad(loss, [*rnn.parameters(), *head.parameters()], retain_graph=True)
    for p, g in zip([*rnn.parameters(), *head.parameters()], grads, strict=True):
        p.grad = g
    with torch.no_grad():
        for p in [*rnn.parameters(), *head.parameters()]:
            p.data -= 0.02 * p.grad
    losses.append(loss.item())
print(f"final loss {sum(losses[-20:]) / 20:.4f}")
