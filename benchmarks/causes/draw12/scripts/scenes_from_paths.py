"""A camera goes round a scene of three lamps; from the brightness seen on the way, where are they?"""

import sys

import torch
from torch import nn

torch.manual_seed(1234)
torch.set_num_threads(1)


class TrainingParams:
    position_lr = 4e-3
    path_lr = 4e-3
    rates = {"lamps": position_lr, "embed": position_lr}  # noqa: RUF012


if "--fixed" in sys.argv:
    TrainingParams.rates["encoder"] = TrainingParams.path_lr


class SceneNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(3, 24), nn.Tanh())
        self.encoder = nn.GRU(24, 48, batch_first=True)
        self.lamps = nn.Linear(48, 6)

    def training_setup(self, args):
        groups = [
            {"params": list(self.embed.parameters()), "name": "embed"},
            {"params": list(self.encoder.parameters()), "name": "encoder"},
            {"params": list(self.lamps.parameters()), "name": "lamps"},
        ]
        self.optimizer = torch.optim.Adam(groups, lr=0.0, eps=1e-15)
        for group in self.optimizer.param_groups:
            if group["name"] in args.rates:
                group["lr"] = args.rates[group["name"]]

    def forward(self, views):
        _, state = self.encoder(self.embed(views))
        return self.lamps(state[-1])


def scenes(n=32, views=20):
    # a lamp in each third of the circle, nearer or farther and brighter or darker
    at = torch.rand(n, 3) * 1.4
    light = 0.5 + torch.rand(n, 3)
    start = torch.rand(n, 1) * 0.5
    angle = start + torch.linspace(0, 6.2, views)
    centre = at + 2.09 * torch.arange(3)
    seen = (light[:, None] * (-4 * (angle[..., None] - centre[:, None]) ** 2).exp()).sum(-1)
    return torch.stack([angle.sin(), angle.cos(), seen], -1), torch.cat([at, light], 1)


model = SceneNet()
model.training_setup(TrainingParams)
for iteration in range(1, 701):
    views, answer = scenes()
    loss = nn.functional.mse_loss(model(views), answer)
    loss.backward()
    model.optimizer.step()
    model.optimizer.zero_grad(set_to_none=True)
    if iteration % 70 == 0:
        print(f"iteration {iteration}: loss {loss.item():.4f}")
