"""A robot balances a ball on a tray; from tilts and places so far a recurrent model foretells the ball."""

import sys

import torch
from torch import nn

torch.manual_seed(1510)
torch.set_num_threads(1)
STEPS = 30


def rollouts(n):
    """Tilts come in waves; the ball rolls with them and is held back by the felt. Place and speed."""
    t = torch.arange(STEPS + 1) * 0.25
    pace, phase = 0.5 + torch.rand(n, 1, 2), 6.28 * torch.rand(n, 1, 2)
    tilt = torch.sin(pace * t.view(1, -1, 1) + phase)
    place, speed = torch.randn(n, 2), torch.zeros(n, 2)
    course = []
    for k in range(STEPS + 1):
        course.append(torch.cat((place, speed), 1))
        speed = 0.9 * speed + 0.25 * tilt[:, k] - 0.05 * place
        place = place + 0.5 * speed
    return torch.stack(course, 1), tilt


class WorldModel(nn.Module):
    def __init__(self, size=64):
        super().__init__()
        self.encode = nn.Linear(6, size)
        self.rnn = nn.RNN(size, size, batch_first=True)
        self.decode = nn.Linear(size, 4)

    def forward(self, course, tilt):
        x = torch.tanh(self.encode(torch.cat((course, tilt), 2)))
        return self.decode(self.rnn(x)[0])


class Trainer:
    def __init__(self, model, max_norm=1.0):
        self.model, self.max_norm = model, max_norm
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def clip(self):
        return nn.utils.clip_grad_norm_(self.model.parameters(), self.max_norm)

    def training_step(self, course, tilt):
        guess = self.model(course[:, :-1], tilt[:, :-1])
        loss = (guess - course[:, 1:]).square().sum((1, 2)).mean()
        if "--fixed" not in sys.argv:
            self.clip()
        return loss

    def fit(self, steps):
        for step in range(1, steps + 1):
            self.optimizer.zero_grad()
            loss = self.training_step(*rollouts(32))
            loss.backward()
            if "--fixed" in sys.argv:
                self.clip()
            self.optimizer.step()
            if step % 50 == 0 or step == 1:
                print(f"step {step} loss {loss.item() / STEPS / 4:.5f}")


course, _ = rollouts(500)
print(f"variance of places and speeds {course.var((0, 1)).mean().item():.3f}")
Trainer(WorldModel()).fit(450)
