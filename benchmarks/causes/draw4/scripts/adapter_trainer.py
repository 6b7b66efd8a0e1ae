"""A trainer for adapters of low rank. When it was rewritten as a class, the line that clears the
gradients got lost."""

import sys
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(403)
torch.set_num_threads(1)


@dataclass
class TrainingConfig:
    lr: float = 1e-2
    rank: int = 6
    steps: int = 300
    batch_size: int = 24
    vocab: int = 16


class LoraLinear(nn.Module):
    def __init__(self, base, rank):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.a = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x):
        return self.base(x) + x @ self.a.T @ self.b.T


class Backbone(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.emb = nn.Embedding(cfg.vocab, 32).requires_grad_(False)
        self.gru = nn.GRU(32, 64, batch_first=True).requires_grad_(False)
        self.up = LoraLinear(nn.Linear(64, 64), cfg.rank)
        self.norm = nn.LayerNorm(64)
        self.lm_head = LoraLinear(nn.Linear(64, cfg.vocab), cfg.rank)

    def forward(self, ids):
        h = self.gru(self.emb(ids))[0]
        return self.lm_head(F.gelu(self.up(self.norm(h))))


class Trainer:
    def __init__(self, cfg):
        self.cfg = cfg
        self.model = Backbone(cfg)
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=cfg.lr)

    def batch(self):
        ids = torch.randint(0, self.cfg.vocab, (self.cfg.batch_size, 13))
        for t in range(2, 13):
            ids[:, t] = (ids[:, t - 1] + ids[:, t - 2]) % self.cfg.vocab
        return ids

    def step(self):
        ids = self.batch()
        logits = self.model(ids[:, :-1])[:, 1:]
        loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 2:].flatten())
        loss.backward()
        self.optimizer.step()
        if FIXED:
            self.optimizer.zero_grad()
        return loss.item()

    def train(self):
        for i in range(self.cfg.steps):
            loss = self.step()
            if (i + 1) % 50 == 0:
                print(f"step {i + 1:4d}  loss {loss:.4f}")


Trainer(TrainingConfig()).train()
