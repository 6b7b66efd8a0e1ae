"""Attention over a segment and over what was kept of the one before: states of the last segment are
read, detached, and never learned through. Each text begins with an empty memory."""

import torch
from torch import nn

torch.manual_seed(6216)
torch.set_num_threads(1)

D, SEGMENT = 32, 8


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend = nn.MultiheadAttention(D, 4, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.mlp = nn.Sequential(nn.Linear(D, 2 * D), nn.GELU(), nn.Linear(2 * D, D))

    def forward(self, x, memory):
        keys = torch.cat([memory, x], 1)
        old = memory.shape[1]
        later = torch.ones(x.shape[1], keys.shape[1]).triu(old + 1).bool()
        y, _ = self.attend(x, keys, keys, attn_mask=later, need_weights=False)
        x = self.norm1(x + y)
        return self.norm2(x + self.mlp(x))


class Model(nn.Module):
    def __init__(self, words=12):
        super().__init__()
        self.word = nn.Embedding(words, D)
        self.place = nn.GRU(D, D, batch_first=True)
        self.layers = nn.ModuleList(Layer() for _ in range(2))
        self.out = nn.Linear(D, words)

    def forward(self, tokens, memory, state):
        x, state = self.place(self.word(tokens), state)
        kept = []
        for layer, old in zip(self.layers, memory, strict=True):
            kept.append(x.detach())
            x = layer(x, old)
        return self.out(x), kept, state.detach()


def texts(n=12, t=3 * SEGMENT + 1):
    jump = torch.randint(1, 4, (n, 1))
    return (torch.randint(0, 12, (n, 1)) + jump * torch.arange(t)) % 12


model = Model()
opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
for text in range(90):
    tokens = texts()
    memory, state = [torch.zeros(12, 0, D)] * 2, None
    for start in range(0, 3 * SEGMENT, SEGMENT):
        x, y = tokens[:, start : start + SEGMENT], tokens[:, start + 1 : start + SEGMENT + 1]
        scores, memory, state = model(x, memory, state)
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), y.flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
    if text % 15 == 14:
        print(f"text {text + 1} loss {loss.item():.3f}")
