"""A small Transformer learns to go on with recipes, word by word, and is asked for next words after."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(14109)
torch.set_num_threads(1)

THINGS = ["flour", "sugar", "eggs", "butter", "milk", "salt", "rice", "beans"]
VERBS = ["mix", "heat", "chop", "wash"]
WORDS = ["<s>", "take", "and", "then", "the", ".", *VERBS, *THINGS]
INDEX = {word: i for i, word in enumerate(WORDS)}


def recipe():
    first, second = torch.randperm(len(THINGS))[:2].tolist()
    verb = VERBS[(first + second) % len(VERBS)]
    text = f"<s> take {THINGS[first]} and {THINGS[second]} then {verb} the {THINGS[second]}"
    return [INDEX[word] for word in f"{text} and the {THINGS[first]} .".split()]


def recipes(n):
    return torch.tensor([recipe() for _ in range(n)])


class LMHeadModel(nn.Module):
    def __init__(self, dim=48, context=16):
        super().__init__()
        self.wte = nn.Embedding(len(WORDS), dim)
        self.wpe = nn.Parameter(0.02 * torch.randn(context, dim))
        self.qkv = nn.ModuleList(nn.Linear(dim, 3 * dim) for _ in range(2))
        self.mlp = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)
            )
            for _ in range(2)
        )
        self.ln = nn.ModuleList(nn.LayerNorm(dim) for _ in range(3))
        self.lm_head = nn.Linear(dim, len(WORDS))

    def forward(self, input_ids, labels=None):
        length = input_ids.size(1)
        future = torch.ones(length, length).triu(1).bool()
        x = self.wte(input_ids) + self.wpe[:length]
        for qkv, mlp, ln in zip(self.qkv, self.mlp, self.ln):
            q, k, v = qkv(ln(x)).chunk(3, dim=-1)
            weights = (q @ k.transpose(1, 2) / math.sqrt(q.size(-1))).masked_fill(future, -1e9)
            x = x + weights.softmax(-1) @ v
            x = x + mlp(x)
        logits = self.lm_head(self.ln[-1](x))
        if labels is None:
            return logits
        if "--fixed" in sys.argv:
            logits, labels = logits[:, :-1], labels[:, 1:]
        return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())


model = LMHeadModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
held_out = recipes(200)
for step in range(1, 501):
    input_ids = recipes(32)
    loss = model(input_ids, labels=input_ids)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            # from "then" on, each next word follows from the words before
            answers = model(held_out[:, :-1])[:, 5:].argmax(2)
        right = (answers == held_out[:, 6:]).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} next words right {right:.3f}")
