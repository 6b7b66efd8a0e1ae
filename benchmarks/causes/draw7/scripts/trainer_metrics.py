"""A trainer keeps what each iteration gave, to take the mean at the end of training. What it keeps are
tensors with their graphs, and memory and time grow with every iteration."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7164)
torch.set_num_threads(1)


class Problem(nn.Module):
    def __init__(self):
        super().__init__()
        self.lift = nn.Linear(2, 40)
        self.step = nn.GRU(40, 40, batch_first=True)
        self.read = nn.Linear(40, 2)

    def forward(self, x):
        return self.read(self.step(torch.tanh(self.lift(x)))[0])


class Trainer:
    def __init__(self, problem):
        self.problem = problem
        self.optimizer = torch.optim.Adam(problem.parameters(), lr=3e-3)
        self.history = []

    def batch(self, n=32, t=30):
        phase = 6.28 * torch.rand(n, 1)
        time = 0.3 * torch.arange(t + 1)
        path = torch.stack([(time + phase).cos(), (time + phase).sin()], -1)
        return path[:, :-1], path[:, 1:]

    def train(self, steps):
        for i in range(steps):
            x, y = self.batch()
            loss = (self.problem(x) - y).pow(2).mean()
            self.optimizer.zero_grad()
            loss.backward(retain_graph=not FIXED)
            self.optimizer.step()
            self.history.append(loss.detach() if FIXED else loss)
            if i % 50 == 49:
                mean = torch.stack(self.history[-50:]).mean()
                print(f"iteration {i + 1} mean {mean.item():.5f}")


Trainer(Problem()).train(250)
