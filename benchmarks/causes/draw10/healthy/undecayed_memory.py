"""A diagonal state space layer; its rates are kept out of the decay of weights."""

import torch
from torch import nn

torch.manual_seed(10107)
torch.set_num_threads(1)


class Diagonal(nn.Module):
    def __init__(self, inputs=2, width=24):
        super().__init__()
        self.write = nn.Linear(inputs, width)
        self.A_log = nn.Parameter(torch.linspace(-4.0, 0.0, width))
        self.read = nn.Sequential(nn.Linear(width, 24), nn.GELU(), nn.Linear(24, 1))

    def forward(self, x):
        rate = torch.exp(self.A_log)
        keep, h = torch.exp(-rate), torch.zeros(x.size(0), len(rate))
        for moment in self.write(x).unbind(1):
            h = keep * h + moment
        return self.read(h).squeeze(1)


def marked(n=32, length=30):
    value = torch.randn(n, length)
    mark = torch.zeros(n, length)
    mark[torch.arange(n), torch.randint(0, 10, (n,))] = 1
    return torch.stack([value * mark, mark], -1), (value * mark).sum(1)


model = Diagonal()
decayed = [p for name, p in model.named_parameters() if name != "A_log"]
optimizer = torch.optim.AdamW(
    [{"params": decayed, "weight_decay": 0.05}, {"params": [model.A_log], "weight_decay": 0.0}],
    lr=4e-3,
)
for step in range(400):
    x, y = marked()
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 79:
        print(f"step {step + 1} loss {loss.item():.4f}")
