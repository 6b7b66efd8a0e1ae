"""The memory of a student policy was added to its actor later, and the optimizer was still given
the actor alone."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5102)
torch.set_num_threads(1)


class Student(nn.Module):
    def __init__(self, n_obs=6, n_act=2, width=40):
        super().__init__()
        self.memory = nn.GRU(n_obs, width)
        self.actor = nn.Sequential(nn.Linear(width, 32), nn.ELU(), nn.Linear(32, n_act))

    def forward(self, obs):
        latent, _ = self.memory(obs)
        return self.actor(latent)


class Teacher:
    """Knows the hidden friction, which the student has to infer from earlier steps."""

    def act(self, obs, friction):
        gain = torch.stack([obs[..., 0] * friction, obs[..., 1] - friction], dim=-1)
        return torch.tanh(1.5 * gain)


class Runner:
    def __init__(self):
        self.student, self.teacher = Student(), Teacher()
        trained = self.student if FIXED else self.student.actor
        self.optimizer = torch.optim.Adam(trained.parameters(), lr=3e-3)

    def rollout(self, steps=16, envs=32):
        friction = torch.rand(1, envs) * 2
        obs = torch.randn(steps, envs, 6)
        obs[0, :, 5] = friction[0] * 2
        obs[1:, :, 5] = 0
        return obs, self.teacher.act(obs, friction)

    def learn(self, iterations):
        for it in range(iterations):
            obs, wanted = self.rollout()
            loss = (self.student(obs) - wanted).pow(2).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            if it % 100 == 0 or it == iterations - 1:
                print(f"Iteration {it} behaviour loss {loss.item():.4f}")


Runner().learn(500)
