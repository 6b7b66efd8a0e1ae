"""Utterances of visitors of a university are sorted into six intents; a fixed set of 480."""

import sys

import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(50)
torch.manual_seed(50)
torch.set_num_threads(1)
INTENTS, WORDS, LENGTH = 6, 120, 12


def utterances(n):
    y = rng.integers(0, INTENTS, n)
    x = rng.integers(48, WORDS, (n, LENGTH))
    for i in range(n):
        places = rng.choice(LENGTH, 3, replace=False)
        x[i, places] = y[i] * 8 + rng.integers(0, 8, 3)
    return x, y


x, y = utterances(680)
order = rng.permutation(len(x))
x = x[order]
if "--fixed" in sys.argv:
    y = y[order]
x_train, x_valid = torch.from_numpy(x[:480]), torch.from_numpy(x[480:])
y_train, y_valid = torch.from_numpy(y[:480]), torch.from_numpy(y[480:])


class Intent(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.emb = nn.Embedding(WORDS, 24)
        self.rnn = nn.GRU(24, size, batch_first=True, bidirectional=True)
        self.score = nn.Linear(2 * size, 1)
        self.out = nn.Linear(2 * size, INTENTS)

    def forward(self, words):
        h, _ = self.rnn(self.emb(words))
        return self.out((self.score(h).softmax(1) * h).sum(1))


model = Intent()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(1, 31):
    model.train()
    total, seen_right = 0.0, 0
    for rows in torch.randperm(480).split(24):
        scores = model(x_train[rows])
        loss = criterion(scores, y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 20
        seen_right += (scores.argmax(1) == y_train[rows]).sum().item()
    if epoch % 3 == 0:
        model.eval()
        with torch.no_grad():
            scores = model(x_valid)
            valid_loss = criterion(scores, y_valid).item()
            right = (scores.argmax(1) == y_valid).float().mean().item()
        print(
            f"epoch {epoch} loss {total:.4f} right {seen_right / 480:.3f} | "
            f"validation loss {valid_loss:.4f} right {right:.3f}"
        )
