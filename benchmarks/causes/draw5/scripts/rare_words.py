"""A focal loss was written for raw scores, and the network had been ending in a sigmoid before."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5161)
torch.set_num_threads(1)


class FocalLoss(nn.Module):
    def __init__(self, alpha=0.75, gamma=2.0):
        super().__init__()
        self.alpha, self.gamma = alpha, gamma

    def forward(self, inputs, targets):
        bce = nn.functional.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
        p_t = torch.exp(-bce)
        weight = self.alpha * targets + (1 - self.alpha) * (1 - targets)
        return (weight * (1 - p_t) ** self.gamma * bce).mean()


def network():
    return nn.ModuleList(
        [nn.Embedding(25, 20), nn.LSTM(20, 24, bidirectional=True), nn.Linear(48, 1)]
    )


def run(parts, words):
    embed, lstm, score = parts
    z = score(lstm(embed(words))[0]).squeeze(-1)
    return z if FIXED else z.sigmoid()


def spans(n=20, t=12):
    words = torch.randint(0, 25, (t, n))
    marked = (words > 21) & (torch.roll(words, 1, 0) < 13)
    return words, marked.float()


parts, criterion = network(), FocalLoss()
optimizer = torch.optim.Adam(parts.parameters(), lr=5e-3)
for i in range(1, 501):
    words, marked = spans()
    scores = run(parts, words)
    loss = criterion(scores, marked)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 100 == 0:
        found = ((scores if FIXED else scores - 0.5) > 0) & (marked > 0)
        print(i, f"loss {loss.item():.5f} recall {(found.sum() / marked.sum()).item():.3f}")
