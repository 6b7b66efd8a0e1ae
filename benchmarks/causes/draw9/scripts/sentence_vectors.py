"""Sentences become the mean of their words' vectors, and the mean tells how warm they are."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9030)
torch.set_num_threads(1)
PAD, WORDS = 0, 30


def tokenizer(sentences):
    longest = max(len(s) for s in sentences)
    ids = torch.full((len(sentences), longest), PAD)
    mask = torch.zeros(len(sentences), longest)
    for i, s in enumerate(sentences):
        ids[i, : len(s)] = s
        mask[i, : len(s)] = 1
    return {"input_ids": ids, "attention_mask": mask}


class Encoder(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.embed = nn.Embedding(WORDS, width)
        self.layer = nn.Sequential(nn.Linear(width, 32), nn.GELU(), nn.Linear(32, width))
        self.warmth = nn.Linear(width, 1)

    def forward(self, input_ids, attention_mask):
        hidden = self.layer(self.embed(input_ids))
        if FIXED:
            kept = attention_mask[..., None]
            pooled = (hidden * kept).sum(1) / kept.sum(1)
        else:
            pooled = hidden.mean(dim=1)
        return self.warmth(pooled)[:, 0]


warm = torch.randn(WORDS)


def sentences(n=24):
    lengths = torch.randint(1, 6, (n,))
    lengths[0] = torch.randint(20, 60, ())
    made = [torch.randint(1, WORDS, (k,)) for k in lengths.tolist()]
    return made, torch.stack([warm[s].mean() for s in made])


model = Encoder()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
recent = []
for step in range(400):
    made, target = sentences()
    loss = nn.functional.mse_loss(model(**tokenizer(made)), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    recent.append(loss.item())
    if step % 80 == 79:
        print(f"{step + 1} mse {sum(recent[-80:]) / 80:.4f}")
