"""A small set of sentences, some of them labelled amiss, is learned and looked at between whiles on
sentences that were kept apart."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8127)
torch.set_num_threads(1)


class SentenceModel(nn.Module):
    def __init__(self, words=80, width=48):
        super().__init__()
        self.emb = nn.Embedding(words, width)
        self.drop = nn.Dropout(0.7)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.cls = nn.Linear(width, 2)

    def forward(self, ids):
        h, _ = self.lstm(self.drop(self.emb(ids)))
        return self.cls(self.drop(h.mean(1)))


def sentences(n, amiss):
    label = torch.randint(0, 2, (n,))
    ids = torch.randint(0, 80, (n, 12))
    telling = torch.rand(n, 12) < 0.4
    ids = torch.where(telling, label[:, None] * 8 + ids % 8, ids)
    return ids, torch.where(torch.rand(n) < amiss, 1 - label, label)


class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
        self.train_set, self.eval_set = sentences(160, 0.15), sentences(400, 0.0)

    def evaluate(self):
        self.model.eval()
        with torch.no_grad():
            ids, label = self.eval_set
            return nn.functional.cross_entropy(self.model(ids), label).item()

    def train(self, epochs=1, steps=300, every=30):
        for _ in range(epochs):
            self.model.train()
            for step in range(1, steps + 1):
                pick = torch.randint(0, 160, (32,))
                ids, label = (part[pick] for part in self.train_set)
                loss = nn.functional.cross_entropy(self.model(ids), label)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                if step % every == 0:
                    score = self.evaluate()
                    print(f"{step}: train {loss.item():.3f} eval {score:.3f}")
                    if FIXED:
                        self.model.train()


Trainer(SentenceModel()).train()
