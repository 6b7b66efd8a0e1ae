"""A language model whose attention is worked out in sixteen bits, behind a mask."""

import math
import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9017)
torch.set_num_threads(1)
VOCAB, WIDTH, LENGTH = 16, 32, 12


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.c_attn = nn.Linear(WIDTH, 3 * WIDTH)
        self.c_proj = nn.Linear(WIDTH, WIDTH)
        self.register_buffer("bias", torch.tril(torch.ones(LENGTH, LENGTH)).half())
        self.register_buffer("large", torch.tensor(1e4 if FIXED else 1e10).half())

    def forward(self, x):
        q, k, v = (p.half() for p in self.c_attn(x).chunk(3, -1))
        w = q @ k.transpose(1, 2) / math.sqrt(WIDTH)
        b = self.bias[: x.shape[1], : x.shape[1]]
        w = w * b - self.large * (1 - b)
        return self.c_proj((w.softmax(-1) @ v).float())


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = Attention()
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 64), nn.GELU(), nn.Linear(64, WIDTH))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(VOCAB, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.h = nn.Sequential(Block(), Block())
        self.head = nn.Linear(WIDTH, VOCAB)

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        return self.head(self.h(x))


model = LM()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(300):
    start, stride = torch.randint(0, VOCAB, (16, 1)), torch.randint(1, 4, (16, 1))
    ids = (start + stride * torch.arange(LENGTH + 1)) % VOCAB
    loss = nn.functional.cross_entropy(model(ids[:, :-1]).transpose(1, 2), ids[:, 1:])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 60 == 59:
        print(f"step {step + 1} loss {loss.item():.4f}")
