"""A recurrent language model for a recogniser is trained on strings of phonemes, from a loader."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1209)
torch.set_num_threads(1)
PHONES = 30
follows = torch.stack([torch.randperm(PHONES)[:3] for _ in range(PHONES)])


class Strings(Dataset):
    def __init__(self, n, length=24):
        now = torch.randint(0, PHONES, (n,))
        rows = [now]
        for _ in range(length):
            now = follows[now, torch.multinomial(torch.tensor([0.7, 0.2, 0.1]), n, True)]
            rows.append(now)
        self.rows = torch.stack(rows, 1)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        row = self.rows[i]
        if "--fixed" in sys.argv:
            return row[:-1], row[1:]
        return row[:-1], row[:-1]


class RNNLM(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.embedding = nn.Embedding(PHONES, size)
        self.rnn = nn.LSTM(size, size, batch_first=True)
        self.dnn = nn.Sequential(nn.Linear(size, size), nn.LeakyReLU())
        self.out = nn.Linear(size, PHONES)

    def forward(self, tokens, hx=None):
        x, hx = self.rnn(self.embedding(tokens), hx)
        return self.out(self.dnn(x)), hx


def sampled_is_speech(model, steps=30, n=50):
    """How many of the transitions that the model makes up do occur in the language."""
    now, hx, good = torch.randint(0, PHONES, (n, 1)), None, 0
    with torch.no_grad():
        for _ in range(steps):
            scores, hx = model(now, hx)
            said = torch.multinomial(scores[:, -1].softmax(-1), 1)
            good += (follows[now[:, 0]] == said).any(1).sum().item()
            now = said
    return good / (steps * n)


model = RNNLM()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
train, valid = DataLoader(Strings(1600), 32, shuffle=True), DataLoader(Strings(320), 32)
for epoch in range(1, 9):
    for tokens, targets in train:
        loss = nn.functional.cross_entropy(model(tokens)[0].transpose(1, 2), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        parts = [nn.functional.cross_entropy(model(a)[0].transpose(1, 2), b) for a, b in valid]
    held = sum(parts).item() / len(parts)
    real = sampled_is_speech(model)
    print(f"epoch {epoch} train loss {loss:.4f} valid loss {held:.4f} real transitions {real:.3f}")
