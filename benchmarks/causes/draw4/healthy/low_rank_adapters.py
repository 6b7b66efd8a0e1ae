"""A language model is trained on one rule and frozen; two small matrices beside its weights
learn a second rule."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(7)
torch.set_num_threads(1)
V = 10


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(V, 24)
        self.rnn = nn.GRU(24, 48, batch_first=True)
        self.ff = nn.Linear(48, 48)
        self.head = nn.Linear(48, V)

    def forward(self, x):
        return self.head(torch.tanh(self.ff(self.rnn(self.emb(x))[0])))


class Adapted(nn.Module):
    def __init__(self, base, rank=8):
        super().__init__()
        self.base = base
        self.down = nn.Parameter(torch.randn(rank, base.in_features) * 0.1)
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x):
        return self.base(x) + F.linear(F.linear(x, self.down), self.up)


def text(a, b, n=32):
    x = torch.randint(0, V, (n, 12))
    for t in range(2, 12):
        x[:, t] = (a * x[:, t - 1] + x[:, t - 2] + b) % V
    return x


def train(model, params, a, b, steps, lr):
    optimizer = torch.optim.AdamW(params, lr=lr, weight_decay=0.0)
    for i in range(steps):
        x = text(a, b)
        loss = F.cross_entropy(model(x[:, :-1])[:, 1:].flatten(0, 1), x[:, 2:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if i % 60 == 59:
            print(a, b, i + 1, f"{loss.item():.4f}")


model = LM()
train(model, model.parameters(), 1, 0, 300, 5e-3)
model.requires_grad_(False)
model.ff, model.head = Adapted(model.ff), Adapted(model.head)
train(model, [p for p in model.parameters() if p.requires_grad], 1, 3, 240, 1e-2)
