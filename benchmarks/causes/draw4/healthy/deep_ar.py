"""A forecast with its spread: Gaussian likelihood, each series divided by its own mean, told
what day it is. The loss goes below nought as the spread shrinks."""

import torch
import torch.nn as nn
from torch.distributions import Normal

torch.manual_seed(15)
torch.set_num_threads(1)


class DeepAR(nn.Module):
    def __init__(self):
        super().__init__()
        self.day = nn.Embedding(7, 4)
        self.lstm = nn.LSTM(5, 32, num_layers=2, dropout=0.1, batch_first=True)
        self.mu = nn.Linear(32, 1)
        self.sigma = nn.Sequential(nn.Linear(32, 1), nn.Softplus())

    def forward(self, x, day, state=None):
        out, state = self.lstm(torch.cat([x, self.day(day)], -1), state)
        return Normal(self.mu(out), self.sigma(out) + 1e-3), state


def shops(n=32, length=29):
    day = (torch.arange(length)[None] + torch.randint(0, 7, (n, 1))) % 7
    level = 10 ** (2 * torch.rand(n, 1))
    week = torch.tensor([0.8, 0.9, 1.0, 1.1, 1.4, 1.6, 0.4])
    return (level * week[day] * (1 + 0.06 * torch.randn(n, length))).unsqueeze(-1), day


model = DeepAR()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(320):
    sales, day = shops()
    scaled = sales / sales[:, :14].mean(1, keepdim=True)
    guess, _ = model(scaled[:, :-1], day[:, 1:])
    loss = -guess.log_prob(scaled[:, 1:]).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 10.0)
    optimizer.step()
    if step % 80 == 79:
        print(f"{step + 1} loss {loss.item():.4f} spread {guess.scale.mean().item():.4f}")
model.eval()
with torch.no_grad():
    sales, day = shops(100)
    scaled = sales / sales[:, :14].mean(1, keepdim=True)
    guess, state = model(scaled[:, :20], day[:, 1:21])
    path = [guess.mean[:, -1:]]
    for t in range(21, 28):
        guess, state = model(path[-1], day[:, t : t + 1], state)
        path.append(guess.mean)
    error = (torch.cat(path, 1) - scaled[:, 20:28]).abs().mean().item()
print(f"eight days ahead off by {error:.4f}")
