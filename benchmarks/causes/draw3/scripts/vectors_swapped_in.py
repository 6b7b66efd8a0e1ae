"""Pretrained vectors were put into the model after the optimizer had been made. It went on
moving the old table, which nobody read any more."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(20)
torch.set_num_threads(1)
VOCAB, DIM = 60, 20
topic_of = torch.randint(0, 5, (VOCAB,))


class Topics(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, DIM)
        self.lstm = nn.LSTM(DIM, 16, batch_first=True)
        self.fc = nn.Linear(16, 5)

    def load_vectors(self, vectors):
        self.embedding = nn.Embedding.from_pretrained(vectors, freeze=False)

    def forward(self, x):
        _, (h, _) = self.lstm(self.embedding(x))
        return self.fc(h[-1])


def batch(n=32):
    x = torch.randint(0, VOCAB, (n, 9))
    votes = F.one_hot(topic_of[x], 5).sum(1)
    return x, votes.argmax(1)


vectors = 0.02 * torch.randn(VOCAB, DIM)
net = Topics()
if FIXED:
    net.load_vectors(vectors)
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
if not FIXED:
    net.load_vectors(vectors)
for it in range(300):
    net.train()
    x, y = batch()
    optimizer.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
    if it % 100 == 99:
        print(f"iteration {it + 1}: {loss.item():.3f}")
