"""How far is a bearing worn? A peephole-free recurrent net reads its vibration."""

import sys

import torch
from torch import nn

torch.manual_seed(1311)
torch.set_num_threads(1)


def bearings(n, length=24):
    wear = torch.rand(n, 1)
    shakes = torch.randn(n, length) * (0.3 + wear)
    knocks = (torch.rand(n, length) < 0.3 * wear).float()
    return torch.stack([shakes.abs(), knocks], -1), wear


class Wear(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(2, 32, nonlinearity="tanh", batch_first=True)
        self.head = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        return self.head(self.rnn(x)[0].mean(1))


model = Wear()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 351):
    x, wear = bearings(48)
    predicted = model(x)
    if "--fixed" not in sys.argv:
        wear = wear.reshape(-1)
    loss = (predicted - wear).abs().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            x, wear = bearings(500)
            error = (model(x) - wear).abs().mean().item()
        naive = (wear - wear.mean()).abs().mean().item()
        print(f"step {step} loss {loss.item():.4f} error {error:.4f} of {naive:.4f}")
