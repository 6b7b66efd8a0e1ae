"""Complaints to a bank are sorted into kinds; one mask is drawn for a whole sequence."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1230)
torch.set_num_threads(1)
WORDS, KINDS, LENGTH = 120, 6, 24


class SequenceDropout(nn.Module):
    """The same units are silent at every step of a sequence."""

    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, x):
        if not self.training or self.rate == 0:
            return x
        share = torch.full((x.size(0), 1, x.size(2)), self.rate)
        if "--fixed" in sys.argv:
            share = 1 - share
        return x * torch.bernoulli(share) / (1 - self.rate)


class ComplaintReader(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, 32)
        self.lstm = nn.LSTM(32, 40, batch_first=True)
        self.kinds = nn.Linear(40, KINDS)
        self.drop_in = SequenceDropout(0.02)
        self.drop_out = SequenceDropout(0.02)

    def forward(self, text):
        out, _ = self.lstm(self.drop_in(self.words(text)))
        return self.kinds(self.drop_out(out).max(1).values)


def letters(n):
    """Three words of a letter tell its kind; the others are anybody's."""
    kinds = torch.randint(0, KINDS, (n,))
    text = torch.randint(60, WORDS, (n, LENGTH))
    telling = kinds[:, None] * 10 + torch.randint(0, 10, (n, 3))
    where = torch.rand(n, LENGTH).argsort(1)[:, :3]
    return text.scatter(1, where, telling), kinds


train = DataLoader(TensorDataset(*letters(1600)), batch_size=40, shuffle=True)
text_test, kinds_test = letters(400)
model = ComplaintReader()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(1, 13):
    model.train()
    running = 0.0
    for text, kinds in train:
        optimizer.zero_grad()
        loss = criterion(model(text), kinds)
        loss.backward()
        optimizer.step()
        running += loss.item() / len(train)
    model.eval()
    with torch.no_grad():
        right = (model(text_test).argmax(1) == kinds_test).float().mean().item()
    print(f"epoch {epoch:2d} train loss {running:.3f} test accuracy {right:.3f}")
