"""The recurrent layers of a stack stand in a plain list, which the module does not look into. Only the
read-out is trained; what the layers make of the sequence remains what chance has made of it."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7443)
torch.set_num_threads(1)


class Stacked(nn.Module):
    def __init__(self, width=16, depth=3):
        super().__init__()
        layers = [nn.RNN(2 if k == 0 else width, width, batch_first=True) for k in range(depth)]
        self.layers = nn.ModuleList(layers) if FIXED else layers
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        for layer in self.layers:
            x, _ = layer(x)
        return self.out(x[:, -1]).squeeze(-1)


def sample(n=32, t=10):
    x = torch.randn(n, t, 2)
    return x, torch.tanh(x[:, -4, 0] * 1.5) * torch.sign(x[:, -2, 1])


model = Stacked()
print(sum(p.numel() for p in model.parameters()), "parameters")
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
mean = 0.0
for step in range(600):
    x, y = sample()
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    mean += loss.item()
    if step % 100 == 99:
        print(f"step {step + 1} loss {mean / 100:.4f}")
        mean = 0.0
