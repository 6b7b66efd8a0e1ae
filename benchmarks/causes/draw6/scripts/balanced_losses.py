"""Two losses are balanced by weights of their own. The gradient is limited before the backward pass,
when there is none to limit."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6108)
torch.set_num_threads(1)


class TwoTasks(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.body = nn.RNN(2, width, nonlinearity="relu", batch_first=True)
        nn.init.eye_(self.body.weight_hh_l0)
        nn.init.normal_(self.body.weight_ih_l0, 0, 0.1)
        self.level = nn.Linear(width, 1)
        self.slope = nn.Linear(width, 1)

    def forward(self, x):
        out, _ = self.body(x)
        return self.level(out)[..., 0], self.slope(out)[..., 0]


class Balance:
    def __init__(self, n_tasks, max_norm):
        self.w = torch.full((n_tasks,), 1.0 / n_tasks)
        self.max_norm = max_norm

    def backward(self, losses, shared):
        loss = (losses * self.w).sum()
        if not FIXED and self.max_norm > 0:
            torch.nn.utils.clip_grad_norm_(shared, self.max_norm)
        loss.backward()
        if FIXED and self.max_norm > 0:
            torch.nn.utils.clip_grad_norm_(shared, self.max_norm)
        self.w = 0.9 * self.w + 0.1 * torch.softmax(losses.detach().log(), 0)
        return loss


def curves(n=16, t=30):
    start = torch.rand(n, 1) * 6.28
    speed = 0.2 + 0.3 * torch.rand(n, 1)
    at = start + speed * torch.arange(t + 1)
    x = torch.stack([at.sin(), at.cos()], -1)
    return x[:, :-1], at.sin()[:, 1:], at.cos()[:, 1:]


model = TwoTasks()
balance = Balance(2, max_norm=1.0)
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
for step in range(400):
    x, level, slope = curves()
    said, steep = model(x)
    losses = torch.stack([(said - level).square().mean(), (steep - slope).square().mean()])
    optimizer.zero_grad()
    loss = balance.backward(losses, list(model.parameters()))
    optimizer.step()
    if step % 50 == 49:
        print(f"{step + 1} {losses[0].item():.4g} {losses[1].item():.4g}")
