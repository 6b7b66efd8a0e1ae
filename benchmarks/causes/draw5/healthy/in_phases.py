"""Training in phases: first a model of the world, then, with it frozen, a controller through it."""

import torch
from torch import nn

torch.manual_seed(5217)
torch.set_num_threads(1)


class World(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(3, 24)
        self.out = nn.Linear(24, 2)

    def step(self, place, action, h):
        h = self.cell(torch.cat([place, action], 1), h)
        return place + self.out(h), h


def truth(place, action):
    x, v = place.chunk(2, 1)
    v = 0.8 * v + 0.3 * action
    return torch.cat([x + 0.3 * v, v], 1)


world = World()
controller = nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 1), nn.Tanh())
model_opt = torch.optim.Adam(world.parameters(), lr=5e-3)
for it in range(200):
    place, h, loss = torch.randn(24, 2), torch.zeros(24, 24), 0.0
    for _ in range(6):
        action = torch.rand(24, 1) * 2 - 1
        guess, h = world.step(place, action, h)
        place = truth(place, action)
        loss = loss + (guess - place).square().mean() / 6
    model_opt.zero_grad()
    loss.backward()
    model_opt.step()
print(f"world {loss.item():.4f}")

world.requires_grad_(False)
control_opt = torch.optim.Adam(controller.parameters(), lr=5e-3)
for it in range(150):
    place, h, cost = torch.randn(24, 2), torch.zeros(24, 24), 0.0
    for _ in range(8):
        place, h = world.step(place, controller(place), h)
        cost = cost + place[:, 0].square().mean() / 8
    control_opt.zero_grad()
    cost.backward()
    control_opt.step()
    if it % 50 == 49:
        print(f"control {it + 1} {cost.item():.4f}")
