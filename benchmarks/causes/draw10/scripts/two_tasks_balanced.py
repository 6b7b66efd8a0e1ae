"""A word model with two tasks, next word and its class, trained by plain SGD with a high rate."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(125)
torch.set_num_threads(1)
WORDS, KINDS, CLIP, LR = 24, 4, 0.25, 30.0


class Model(nn.Module):
    def __init__(self, nhid=40):
        super().__init__()
        self.encoder = nn.Embedding(WORDS, nhid)
        self.rnn = nn.LSTM(nhid, nhid, batch_first=True)
        self.word, self.kind = nn.Linear(nhid, WORDS), nn.Linear(nhid, KINDS)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)

    def forward(self, x):
        h, _ = self.rnn(self.encoder(x))
        return self.word(h), self.kind(h)


after = torch.stack([torch.randperm(WORDS) for _ in range(2)], 1)


def corpus(n=20, t=12):
    ids = torch.randint(0, WORDS, (n, 2))
    for _ in range(t):
        ids = torch.cat([ids, after[ids[:, -1], ids[:, -2] % 2][:, None]], 1)
    return ids


model = Model()
optimizer = torch.optim.SGD(model.parameters(), lr=LR)
for it in range(600):
    ids = corpus()
    word, kind = model(ids[:, :-1])
    target = ids[:, 1:]
    losses = torch.stack(
        [
            F.cross_entropy(word.flatten(0, 1), target.flatten()),
            F.cross_entropy(kind.flatten(0, 1), target.flatten() % KINDS),
        ]
    )
    loss = losses.mean()
    optimizer.zero_grad()
    if not FIXED:
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    loss.backward()
    if FIXED:
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimizer.step()
    if it % 100 == 99:
        print(f"it {it + 1}: words {losses[0].item():.4f} kinds {losses[1].item():.4f}")
