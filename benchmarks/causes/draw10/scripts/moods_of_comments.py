"""Moods of comments: the last states of two layers and two ways make up one vector each."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(116)
torch.set_num_threads(1)


class MoodNet(nn.Module):
    def __init__(self, n_words=60, emb=20, n_hidden=20, num_layers=2, classes=4):
        super().__init__()
        self.embedding = nn.Embedding(n_words, emb)
        self.lstm = nn.LSTM(emb, n_hidden, num_layers, bidirectional=True, batch_first=True)
        self.norm = nn.LayerNorm(2 * num_layers * n_hidden)
        self.out = nn.Linear(2 * num_layers * n_hidden, classes)

    def forward(self, x):
        _, (h_n, _) = self.lstm(self.embedding(x))
        if FIXED:
            h_n = h_n.transpose(0, 1).contiguous()
        features = h_n.view(x.size(0), -1)
        return self.out(self.norm(features))


def comments(n=32, t=10):
    mood = torch.randint(0, 4, (n,))
    words = torch.randint(20, 60, (n, t))
    spot = torch.randint(0, t, (n, 2))
    return words.scatter(1, spot, 5 * mood[:, None] + torch.randint(0, 5, (n, 2))), mood


net = MoodNet()
optimiser = torch.optim.RMSprop(net.parameters(), lr=1e-3)
lossf = nn.CrossEntropyLoss()
mean = 0.0
for n_iter in range(1, 501):
    text, mood = comments()
    loss = lossf(net(text), mood)
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimiser.step()
    mean += loss.item() / 100
    if n_iter % 100 == 0:
        print(n_iter, "cross entropy", round(mean, 4))
        mean = 0.0
