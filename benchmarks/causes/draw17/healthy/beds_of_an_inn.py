"""How many guests come to an inn each day? Counts are foretold one day ahead, with how far they scatter."""

import torch
from torch import nn
from torch.distributions import NegativeBinomial

torch.manual_seed(1765)
torch.set_num_threads(1)
DAYS, SCATTER = 35, 8.0


def inns(n):
    """Counts (n, DAYS + 1) with a week's round, and the mean of each day."""
    day = torch.arange(DAYS + 1).float()
    size, phase = 4 + 12 * torch.rand(n, 1), 6.28 * torch.rand(n, 1)
    mean = size * torch.exp(0.7 * torch.sin(6.2832 * day / 7 + phase))
    odds = (mean / SCATTER).log()
    return NegativeBinomial(torch.tensor(SCATTER), logits=odds).sample(), mean


class CountNet(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.h0 = nn.Parameter(torch.zeros(1, 1, size))
        self.gru = nn.GRU(1, size, batch_first=True)
        self.mean = nn.Linear(size, 1)
        self.scatter = nn.Parameter(torch.tensor(1.0))
        nn.init.constant_(self.mean.bias, 2.0)

    def forward(self, counts):
        inputs = torch.log1p(counts).unsqueeze(2) - 2.0
        rows, _ = self.gru(inputs, self.h0.expand(-1, len(counts), -1).contiguous())
        log_mean = self.mean(rows).squeeze(2)
        return NegativeBinomial(self.scatter.exp(), logits=log_mean - self.scatter), log_mean


model = CountNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(1, 401):
    counts, _ = inns(32)
    told, _ = model(counts[:, :-1])
    loss = -told.log_prob(counts[:, 1:]).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            counts, mean = inns(100)
            _, log_mean = model(counts[:, :-1])
        off = (log_mean - mean[:, 1:].log())[:, 14:].abs().mean().item()
        before = (counts[:, :-1].clamp(min=0.5).log() - mean[:, 1:].log())[:, 14:].abs().mean()
        print(
            f"step {step} loss {loss.item():.4f} off by {off:.3f}, "
            f"the day before by {before.item():.3f}, scatter {model.scatter.exp().item():.2f}"
        )
