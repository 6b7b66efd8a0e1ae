"""Attention asked with a vector that held halves of two sentences: the final states of both
directions had been joined by view."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(15)
torch.set_num_threads(1)
n_hidden, vocab = 20, 24


def reviews(n=32, length=10):
    """Liked, if the word that stands last occurs earlier as well."""
    x = torch.randint(0, vocab, (n, length))
    y = torch.randint(0, 2, (n,))
    at = torch.randint(0, length - 1, (n,))
    rows = torch.arange(n)
    same = (x[:, :-1] == x[:, -1:]).any(1)
    x[rows[y == 1], at[y == 1]] = x[y == 1, -1]
    y[same] = 1
    return x, y


class BiLSTMAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(vocab, 16)
        self.lstm = nn.LSTM(16, n_hidden, bidirectional=True)
        self.out = nn.Linear(n_hidden * 4, 2)

    def attention(self, output, final):
        if FIXED:
            query = final.permute(1, 0, 2).reshape(-1, n_hidden * 2, 1)
        else:
            query = final.view(-1, n_hidden * 2, 1)
        weights = F.softmax(torch.bmm(output, query).squeeze(2), 1)
        context = torch.bmm(output.transpose(1, 2), weights.unsqueeze(2)).squeeze(2)
        return torch.cat([context, query.squeeze(2)], 1)

    def forward(self, x):
        embedded = self.embedding(x).permute(1, 0, 2)
        output, (final, _) = self.lstm(embedded)
        return self.out(self.attention(output.permute(1, 0, 2), final))


model = BiLSTMAttention()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(400):
    x, y = reviews()
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        print(step + 1, f"{loss.item():.3f}")
