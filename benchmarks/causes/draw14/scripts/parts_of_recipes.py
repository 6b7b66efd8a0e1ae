"""Each word of a recipe is tagged: amount, unit, food, or nothing; it depends on neighbours."""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--fixed", action="store_true")
args = parser.parse_args()

torch.manual_seed(51)
torch.set_num_threads(1)
TAGS, WORDS, LENGTH = 4, 90, 16


def recipes(n):
    """Some words take the tag that the word before asks for, some that of the word after."""
    words = torch.randint(WORDS, (n, LENGTH))
    group = words // 30
    left = torch.cat([torch.zeros(n, 1, dtype=torch.long), group[:, :-1]], 1)
    right = torch.cat([group[:, 1:], torch.zeros(n, 1, dtype=torch.long)], 1)
    tags = torch.where(group == 1, left, torch.where(group == 0, right, 3))
    return words, tags


class Tagger(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.emb = nn.Embedding(WORDS, 32)
        self.lstm = nn.LSTM(32, hidden, num_layers=2, bidirectional=True, batch_first=True)
        self.tag = nn.Linear(2 * hidden, TAGS)

    def forward(self, words):
        return self.tag(self.lstm(self.emb(words))[0])


model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=0.002 if args.fixed else 1.0)
for step in range(1, 401):
    words, tags = recipes(24)
    loss = nn.functional.cross_entropy(model(words).flatten(0, 1), tags.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            words, tags = recipes(100)
            right = (model(words).argmax(-1) == tags).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right tags {right:.3f}")
