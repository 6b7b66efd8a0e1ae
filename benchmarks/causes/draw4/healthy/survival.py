"""When will a machine fail? Weibull likelihood for times to failure, most of which are not seen
to the end."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(1)
torch.set_num_threads(1)


class WeibullRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 24, batch_first=True)
        self.out = nn.Linear(24, 2)
        nn.init.constant_(self.out.bias, 1.0)

    def forward(self, x):
        a, b = self.out(self.rnn(x)[0][:, -1]).unbind(-1)
        return torch.exp(a.clamp(max=6)), F.softplus(b) + 0.1


def fleet(n):
    load = torch.rand(n) * 2 + 0.2
    x = load[:, None, None] * torch.tensor([1.0, 0.5, -0.5]) + 0.5 * torch.randn(n, 16, 3)
    life = 8 / load * torch.empty(n).exponential_().pow(1 / 2.5)
    end = 12 * torch.rand(n)
    return x, torch.minimum(life, end), (life <= end).float()


def negative_log_likelihood(a, b, time, seen):
    z = (time + 1e-3) / a
    hazard = b.log() - a.log() + (b - 1) * z.log()
    return -(seen * hazard - z.pow(b)).mean()


x, time, seen = fleet(800)
model = WeibullRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(15):
    for rows in torch.randperm(640).split(40):
        loss = negative_log_likelihood(*model(x[rows]), time[rows], seen[rows])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
    with torch.no_grad():
        held = negative_log_likelihood(*model(x[640:]), time[640:], seen[640:]).item()
    print(f"epoch {epoch} loss {loss.item():.4f} held out {held:.4f} seen {seen.mean():.2f}")
