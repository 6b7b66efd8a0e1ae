"""Tunes and the words that describe them are brought close together, each by a net of its own."""

import math

import torch
from torch import nn

torch.manual_seed(14155)
torch.set_num_threads(1)
# a description: direction, pace, end (three words of three, three and four kinds) in any order
KINDS = [3, 3, 4]
ALL = torch.cartesian_prod(*[torch.arange(k) for k in KINDS])
LENGTH = 20


def tune(meaning):
    slope = (meaning[:, :1] - 1).float()
    rate = 0.4 + 0.5 * meaning[:, 1:2].float()
    end = meaning[:, 2:].float() - 1.5
    t = torch.arange(LENGTH).float()
    x = slope * t / LENGTH + (rate * t + 6.28 * torch.rand(len(meaning), 1)).sin()
    x[:, -4:] += end
    return x[..., None] + 0.1 * torch.randn(len(meaning), LENGTH, 1)


def words(meaning):
    ids = meaning + torch.tensor([0, 3, 6])
    order = torch.rand(ids.shape).argsort(1)
    return ids.gather(1, order)


class TuneNet(nn.Module):
    def __init__(self, size=40, dim=24):
        super().__init__()
        self.conv = nn.Conv1d(1, 16, 4, stride=1, padding=2)
        self.gru = nn.GRU(16, size, batch_first=True)
        self.out = nn.Linear(size, dim)

    def forward(self, x):
        features = torch.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        return nn.functional.normalize(self.out(self.gru(features)[1][-1]), dim=1)


class WordNet(nn.Module):
    def __init__(self, size=32, dim=24):
        super().__init__()
        self.embed = nn.Embedding(sum(KINDS), 16)
        self.gru = nn.GRU(16, size, batch_first=True)
        self.out = nn.Linear(size, dim)

    def forward(self, ids):
        return nn.functional.normalize(self.out(self.gru(self.embed(ids))[1][-1]), dim=1)


tune_net, word_net = TuneNet(), WordNet()
scale = nn.Parameter(torch.tensor(math.log(5.0)))
parameters = [*tune_net.parameters(), *word_net.parameters(), scale]
optimizer = torch.optim.AdamW(parameters, lr=4e-3, weight_decay=1e-4)


def likeness(meaning):
    return scale.exp() * tune_net(tune(meaning)) @ word_net(words(meaning)).T


for step in range(1, 501):
    meaning = ALL[torch.randperm(len(ALL))[:24]]
    logits = likeness(meaning)
    own = torch.arange(len(meaning))
    loss = nn.functional.cross_entropy(logits, own) + nn.functional.cross_entropy(logits.T, own)
    loss = loss / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            found = likeness(ALL).argmax(1)
        right = (found == torch.arange(len(ALL))).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} tunes that find their words {right:.3f}")
