"""Clicks of whales, sorted into five dialects; the meter keeps a running mean over all the training."""

import resource
import sys
import time

import torch
from torch import nn

torch.manual_seed(1423)
torch.set_num_threads(1)
DIALECTS, CLICKS, BATCH = 5, 16, 48
rhythm = torch.rand(DIALECTS, CLICKS)


class AverageMeter:
    def __init__(self):
        self.sum, self.count = 0.0, 0

    def update(self, value, n):
        self.sum = self.sum + value * n
        self.count += n

    @property
    def mean(self):
        return float(self.sum / self.count)


class WhaleNet(nn.Module):
    def __init__(self, size=64):
        super().__init__()
        self.inputs = nn.Linear(1, 24)
        self.forth = nn.GRUCell(24, size)
        self.dialect = nn.Linear(size, DIALECTS)

    def forward(self, gaps):
        h = torch.zeros(len(gaps), self.forth.hidden_size)
        for k in range(gaps.size(1)):
            h = self.forth(torch.tanh(self.inputs(gaps[:, k : k + 1])), h)
        return self.dialect(h)


def codas(n):
    dialect = torch.randint(0, DIALECTS, (n,))
    return rhythm[dialect] + 0.15 * torch.randn(n, CLICKS), dialect


def main():
    model = WhaleNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses, since = AverageMeter(), time.time()
    for step in range(1, 401):
        gaps, dialect = codas(BATCH)
        loss = nn.functional.cross_entropy(model(gaps), dialect)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.update(loss.item() if "--fixed" in sys.argv else loss, BATCH)
        if step % 50 == 0:
            mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            with torch.no_grad():
                gaps, dialect = codas(300)
                right = (model(gaps).argmax(1) == dialect).float().mean().item()
            print(
                f"step {step} mean loss {losses.mean:.4f} right {right:.3f} "
                f"memory {mib:.0f} MiB after {time.time() - since:.0f} s"
            )


if __name__ == "__main__":
    main()
