"""A model that keeps its state between batches, as for one long text, was fed windows in random
order."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(29)
torch.set_num_threads(1)

words = [0, 1]
for _ in range(3000):
    words.append((words[-1] * 3 + words[-2] + int(torch.rand(1) < 0.1)) % 11)
tokens = torch.tensor(words)
windows = tokens.unfold(0, 9, 4)
X, Y = windows[:, :-1], windows[:, 1:]


class LMModel(nn.Module):
    def __init__(self, vocab_sz=11, n_hidden=32):
        super().__init__()
        self.i_h = nn.Embedding(vocab_sz, n_hidden)
        self.rnn = nn.RNN(n_hidden, n_hidden, batch_first=True)
        self.h_o = nn.Linear(n_hidden, vocab_sz)
        self.h = None

    def forward(self, x):
        res, h = self.rnn(self.i_h(x), self.h)
        self.h = None if FIXED else h.detach()
        return self.h_o(res)


learn = LMModel()
opt = torch.optim.Adam(learn.parameters(), lr=3e-3)
dls = DataLoader(TensorDataset(X, Y), batch_size=48, shuffle=True, drop_last=True)
for epoch in range(20):
    for xb, yb in dls:
        loss = F.cross_entropy(learn(xb).flatten(0, 1), yb.flatten())
        loss.backward()
        opt.step()
        opt.zero_grad()
    print(epoch, f"{loss.item():.4f}")
