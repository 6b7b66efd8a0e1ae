"""Where are two joints in a small picture? A convolutional net, with settings as in a solver file."""

import sys

import torch
from torch import nn

torch.manual_seed(1147)
torch.set_num_threads(1)
solver = {"base_lr": 0.02, "momentum": 0.9, "max_iter": 500, "weight_decay": 0.5}
if "--fixed" in sys.argv:
    solver["weight_decay"] = 0.0005


def pictures(n=32, size=12):
    grid = torch.arange(size).float()
    joints = 2 + (size - 5) * torch.rand(n, 2, 2)
    near_x = torch.exp(-((grid - joints[..., :1]) ** 2) / 2)
    near_y = torch.exp(-((grid - joints[..., 1:]) ** 2) / 2)
    picture = near_y.unsqueeze(-1) * near_x.unsqueeze(-2)
    picture = 2 * picture + 0.1 * torch.randn(n, 2, size, size)
    return picture, (joints.flatten(1) - size / 2) / 4


net = nn.Sequential(
    nn.Conv2d(2, 12, 3, stride=2, padding=1),
    nn.ReLU(),
    nn.Conv2d(12, 16, 3, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(16 * 36, 32),
    nn.ReLU(),
    nn.Linear(32, 4),
)
sgd = torch.optim.SGD(
    net.parameters(),
    lr=solver["base_lr"],
    momentum=solver["momentum"],
    weight_decay=solver["weight_decay"],
)
for iteration in range(1, solver["max_iter"] + 1):
    data, label = pictures()
    guess = net(data)
    loss = 0.5 * (guess - label).pow(2).sum(1).mean()
    sgd.zero_grad()
    loss.backward()
    sgd.step()
    if iteration % 100 == 0:
        print(f"Iteration {iteration}, loss = {loss.item():.4f}, spread {guess.std(0).mean():.4f}")
