"""Comments are rated; whether praise or blame is meant shows in the first words, then the talk runs on."""

import sys

import torch
from torch import nn

torch.manual_seed(1216)
torch.set_num_threads(1)
WORDS, LENGTH, RATINGS = 50, 60, 4


class RNN(nn.Module):
    def __init__(self, hidden=32, bidirectional=True):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24)
        self.rnn = nn.LSTM(24, hidden, batch_first=True, bidirectional=bidirectional)
        self.clf = nn.Linear(2 * hidden, RATINGS)

    def forward(self, x):
        out, (hidden, _) = self.rnn(self.embed(x))
        if "--fixed" in sys.argv:
            last_hidden = torch.cat((hidden[-2], hidden[-1]), dim=1)
        else:
            last_hidden = out[:, -1, :]
        return self.clf(last_hidden)


def comments(n=32):
    words = torch.randint(8, WORDS, (n, LENGTH))
    rating = torch.randint(0, RATINGS, (n,))
    opening = rating * 2 + torch.randint(0, 2, (n,))
    words[torch.arange(n), torch.randint(0, 6, (n,))] = opening
    return words, rating


def accuracy(model):
    words, rating = comments(400)
    with torch.no_grad():
        return (model(words).argmax(1) == rating).float().mean().item()


model = RNN()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(1, 401):
    words, rating = comments()
    loss = nn.functional.cross_entropy(model(words), rating)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 80 == 0:
        print(f"step {step} loss {loss.item():.4f} rated right {accuracy(model):.3f}")
