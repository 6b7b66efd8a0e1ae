"""Two tasks from one body, weighed by a doubt about each that is learned along with the rest."""

import torch
from torch import nn

torch.manual_seed(6209)
torch.set_num_threads(1)


class Gait(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.body = nn.GRU(4, width, num_layers=2, batch_first=True)
        self.speed, self.person = nn.Linear(width, 1), nn.Linear(width, 5)
        self.log_var = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        h = self.body(x)[0][:, -1]
        return self.speed(h)[:, 0], self.person(h)

    def loss(self, x, speed, person):
        said, scores = self(x)
        parts = torch.stack(
            [(said - speed).square().mean(), nn.functional.cross_entropy(scores, person)]
        )
        return (torch.exp(-self.log_var) * parts + 0.5 * self.log_var).sum(), parts


habits = torch.randn(5, 4)


def walks(n=24, t=16):
    person = torch.randint(0, 5, (n,))
    speed = torch.rand(n)
    at = (0.3 + speed[:, None]) * torch.arange(t)
    x = torch.sin(at[..., None] + habits[person][:, None]) + 0.2 * torch.randn(n, t, 4)
    return x, speed, person


model = Gait()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(300):
    loss, parts = model.loss(*walks())
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 60 == 59:
        print(f"{step + 1} {loss.item():.3f} speed {parts[0].item():.4f} who {parts[1].item():.3f}")
