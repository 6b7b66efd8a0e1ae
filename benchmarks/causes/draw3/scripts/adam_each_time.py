"""The function of one training step made its own Adam, so that the correction for the first step
was applied at every step."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(40)
torch.set_num_threads(1)


class Controller(nn.Module):
    """Follow a target with a mass: imitate a controller that knows the speed."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.RNNCell(2, 32)
        self.act = nn.Linear(32, 1)

    def forward(self, seen):
        h = seen.new_zeros(seen.size(0), 32)
        actions = []
        for now in seen.unbind(1):
            h = self.rnn(now, h)
            actions.append(self.act(h))
        return torch.stack(actions, 1)


def demonstrations(n=20, steps=10):
    place, speed, goal = torch.randn(n), torch.randn(n), torch.randn(n)
    seen, done = [], []
    for _ in range(steps):
        force = 0.5 * (goal - place) - 0.8 * speed
        seen.append(torch.stack([place, goal], 1))
        done.append(force[:, None])
        speed = speed + 0.3 * force
        place = place + 0.3 * speed
    return torch.stack(seen, 1), torch.stack(done, 1)


model = Controller()
shared = torch.optim.Adam(model.parameters(), lr=2e-3)


def train_step(seen, done):
    optimizer = shared if FIXED else torch.optim.Adam(model.parameters(), lr=2e-3)
    optimizer.zero_grad()
    loss = F.mse_loss(model(seen), done)
    loss.backward()
    optimizer.step()
    return loss.item()


for i in range(300):
    value = train_step(*demonstrations())
    if i % 60 == 59:
        print(i + 1, f"{value:.4f}")
