"""Marks of reviews between 0 and 16. The head squeezed its logits to (batch,) and the labels
came as (batch, 1)."""

import sys

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(417)
torch.set_num_threads(1)
rng = np.random.default_rng(417)

vocab = 60
worth = np.zeros(vocab)
worth[5:15], worth[15:25] = 1.0, -1.0
texts = rng.integers(1, vocab, (800, 10))
labels = (np.clip(worth[texts].sum(1), -3, 3) / 3 * 8 + 8)[:, None]


class RegressionHead(nn.Module):
    def __init__(self, layer_dims):
        super().__init__()
        self.feed_forward = nn.Linear(*layer_dims)
        self.loss_fct = nn.MSELoss(reduction="none")

    def logits_to_loss(self, logits, labels):
        if FIXED:
            labels = labels.squeeze(-1)
        return self.loss_fct(logits, labels).mean()

    def forward(self, x):
        return self.feed_forward(x).squeeze(-1)


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(vocab, 32, padding_idx=0)
        self.rnn = nn.GRU(32, 40, batch_first=True)

    def forward(self, ids):
        out, _ = self.rnn(self.emb(ids))
        return out.mean(1)


body, head = LanguageModel(), RegressionHead((40, 1))
params = [{"params": body.parameters()}, {"params": head.parameters(), "lr": 1e-2}]
optimizer = torch.optim.AdamW(params, lr=4e-3, weight_decay=0.01)
label_mean, label_std = labels.mean(), labels.std()
y = torch.tensor((labels - label_mean) / label_std, dtype=torch.float32)
data = TensorDataset(torch.tensor(texts), y)
train, dev = torch.utils.data.random_split(data, [640, 160])
for epoch in range(12):
    body.train()
    for ids, marks in DataLoader(train, batch_size=32, shuffle=True):
        loss = head.logits_to_loss(head(body(ids)), marks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    body.eval()
    with torch.no_grad():
        ids, marks = next(iter(DataLoader(dev, batch_size=160)))
        error = (head(body(ids)) - marks[:, 0]).abs().mean().item() * label_std
    print(f"Train epoch {epoch} loss {loss.item():.4f}; dev mean error {error:.2f} marks")
