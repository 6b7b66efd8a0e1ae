"""Texts are sorted into subjects by one of several small recurrent models."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9001)
torch.set_num_threads(1)


class LSTMClassifier(nn.Module):
    def __init__(self, vocab=60, embed=24, hidden=32, labels=5):
        super().__init__()
        self.embed = nn.Embedding(vocab, embed)
        self.lstm = nn.LSTM(embed, hidden, batch_first=True)
        self.hidden2label = nn.Linear(hidden, labels)

    def forward(self, text):
        _, (h, _) = self.lstm(self.embed(text))
        return self.hidden2label(h[-1])


def texts(n=32, length=15):
    subject = torch.randint(0, 5, (n,))
    words = torch.randint(0, 60, (n, length))
    topical = torch.rand(n, length) < 0.3
    words = torch.where(topical, subject[:, None] * 12 + words % 12, words)
    return words, subject


def main():
    model = LSTMClassifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    seen = []
    for i in range(400):
        text, label = texts()
        predicted = model(text)
        loss = F.cross_entropy(predicted, label)
        if FIXED:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
        if i % 80 == 79:
            print(f"{i + 1:4d} steps, loss {sum(seen[-80:]) / 80:.4f}")


main()
