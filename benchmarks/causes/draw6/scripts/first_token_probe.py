"""How far along is a chain of steps? Of the states of a reader, the first one is taken each time,
where the latest was meant."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6126)
torch.set_num_threads(1)


class ReasoningReader(nn.Module):
    def __init__(self, vocab=12, width=32):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.body = nn.GRU(width, width, batch_first=True)

    def forward(self, tokens):
        return self.body(self.embed(tokens))[0]


class ProgressBar(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.reader = ReasoningReader(width=width)
        self.probe = nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, tokens):
        hidden_states = self.reader(tokens)
        token_hs = hidden_states[:, -1 if FIXED else 0, :]
        return self.probe(token_hs).squeeze(-1)


def chains(n=32, t=16):
    """The share of the steps that are real ones, numbers from 0 to 5; others are filler."""
    share = torch.rand(n, 1)
    real = torch.rand(n, t) < share
    tokens = torch.where(real, torch.randint(0, 6, (n, t)), torch.randint(6, 12, (n, t)))
    return tokens, real.float().mean(1)


bar = ProgressBar()
optim = torch.optim.Adam(bar.parameters(), lr=3e-3)
log = []
for step in range(300):
    tokens, progress = chains()
    loss = nn.functional.mse_loss(bar(tokens), progress)
    optim.zero_grad()
    loss.backward()
    optim.step()
    log.append(loss.item())
    if step % 60 == 59:
        print(f"{step + 1} mse {sum(log[-30:]) / 30:.5f}")
