"""Of a forecast with a spread, the log-likelihood itself was made small, where its negative was
meant."""

import sys

import torch
from torch import nn
from torch.distributions import Normal

FIXED = "--fixed" in sys.argv
torch.manual_seed(5157)
torch.set_num_threads(1)


class DensityRNN(nn.Module):
    def __init__(self, width=28):
        super().__init__()
        self.rnn = nn.GRU(1, width)
        self.loc = nn.Linear(width, 1)
        self.scale = nn.Linear(width, 1)

    def forward(self, x):
        h, _ = self.rnn(x)
        return Normal(self.loc(h), nn.functional.softplus(self.scale(h)) + 1e-2)


def walks(n=24, t=14):
    x = [torch.randn(n, 1), torch.randn(n, 1)]
    for _ in range(t - 1):
        x.append(1.2 * x[-1] - 0.6 * x[-2] + 0.3 * torch.randn(n, 1))
    x = torch.stack(x)
    return x[:-1], x[1:]


model = DensityRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(400):
    x, y = walks()
    log_likelihood = model(x).log_prob(y).mean()
    surrogate = -log_likelihood if FIXED else log_likelihood
    optimizer.zero_grad()
    surrogate.backward()
    optimizer.step()
    if epoch % 80 == 79:
        print(f"epoch {epoch + 1} objective {surrogate.item():.4f}")
