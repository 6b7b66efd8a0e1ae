"""First weights that fit any pendulum soon (Reptile): a copy is trained, and the first move to it."""

import copy

import torch
from torch import nn

torch.manual_seed(9119)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.out = nn.GRU(1, 20, batch_first=True), nn.Linear(20, 1)

    def forward(self, x):
        return self.out(self.gru(x)[0])


def pendulum():
    rate = 0.3 + 0.5 * torch.rand(())

    def swings(n=16, t=14):
        x = torch.sin(rate * torch.arange(t + 1) + 6.28 * torch.rand(n, 1))[..., None]
        return x[:, :-1], x[:, 1:]

    return swings


slow = Net()
optimizer = torch.optim.SGD(slow.parameters(), lr=0.5)
history = []
for task in range(70):
    swings, fast = pendulum(), copy.deepcopy(slow)
    inner = torch.optim.Adam(fast.parameters(), lr=5e-3)
    for _ in range(6):
        x, y = swings()
        loss = nn.functional.mse_loss(fast(x)[:, 3:], y[:, 3:])
        inner.zero_grad()
        loss.backward()
        inner.step()
    optimizer.zero_grad()
    for p, q in zip(slow.parameters(), fast.parameters(), strict=True):
        p.grad = (p - q).detach()
    optimizer.step()
    history.append(loss.item())
    if task % 14 == 13:
        print(f"task {task + 1}: after six steps {sum(history[-14:]) / 14:.4f}")
