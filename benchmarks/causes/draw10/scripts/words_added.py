"""A small language model with tied embeddings takes on new words before it is fine-tuned."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(104)
torch.set_num_threads(1)
OLD, NEW = 12, 16


class TiedLM(nn.Module):
    def __init__(self, vocab_size, width=32):
        super().__init__()
        self.wte = nn.Embedding(vocab_size, width)
        nn.init.normal_(self.wte.weight, std=0.02)
        self.rnn = nn.LSTM(width, width, batch_first=True)

    def resize_token_embeddings(self, n):
        old = self.wte
        self.wte = nn.Embedding(n, old.embedding_dim)
        nn.init.normal_(self.wte.weight, std=0.02)
        with torch.no_grad():
            self.wte.weight[: old.num_embeddings] = old.weight

    def forward(self, ids):
        return F.linear(self.rnn(self.wte(ids))[0], self.wte.weight)


follows = torch.randint(0, NEW, (NEW, 2))


def text(n=16, length=18):
    ids = torch.randint(0, NEW, (n, 1))
    for _ in range(length):
        turn = (torch.rand(n) < 0.15).long()
        ids = torch.cat([ids, follows[ids[:, -1], turn][:, None]], 1)
    return ids


model = TiedLM(OLD)
if FIXED:
    model.resize_token_embeddings(NEW)
optimizer = torch.optim.AdamW(model.parameters(), lr=8e-3, weight_decay=0.01)
if not FIXED:
    model.resize_token_embeddings(NEW)

for step in range(500):
    ids = text()
    logits = model(ids[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    model.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 100 == 99:
        print(f"step {step + 1} lm loss {loss.item():.4f}")
