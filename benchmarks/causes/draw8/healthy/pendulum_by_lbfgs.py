"""A small recurrent model of a pendulum, fitted to all its runs at once by L-BFGS."""

import torch
from torch import nn

torch.manual_seed(8212)
torch.set_num_threads(1)


class Pendulum(nn.Module):
    def __init__(self, width=14):
        super().__init__()
        self.rnn = nn.RNN(2, width, batch_first=True)
        self.next = nn.Linear(width, 2)

    def forward(self, x):
        return x + 0.3 * self.next(self.rnn(x)[0])


angle, speed, runs = 1.2 * torch.randn(24), torch.zeros(24), []
for _ in range(26):
    runs.append(torch.stack([angle, speed], 1))
    speed = speed - 0.25 * torch.sin(angle)
    angle = angle + 0.25 * speed
runs = torch.stack(runs, 1)

model = Pendulum()
opt = torch.optim.LBFGS(model.parameters(), lr=1.0, max_iter=6, line_search_fn="strong_wolfe")


def closure():
    opt.zero_grad()
    loss = (model(runs[:, :-1]) - runs[:, 1:]).square().mean()
    loss.backward()
    return loss


for step in range(60):
    loss = opt.step(closure)
    if step % 12 == 11:
        print(f"step {step + 1} {loss.item():.6f}")
