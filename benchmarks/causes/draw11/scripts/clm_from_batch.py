"""A small language model over invented sentences, after a script for finetuning."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1110)
torch.set_num_threads(1)

subjects, verbs, objects, ends = range(0, 6), range(6, 12), range(12, 18), range(18, 20)
VOCAB = 20


def sentences(n):
    """Who does what to whom; each word leaves few choices for the next one."""
    s = torch.randint(0, 6, (n,))
    v = 6 + (2 * s + torch.randint(0, 2, (n,))) % 6
    o = 12 + (s + v) % 6
    return torch.stack([s, v, o, 18 + o % 2], 1)


def get_batch(n=24, k=4):
    return torch.cat([sentences(n) for _ in range(k)], 1)


class LMHeadModel(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.wte = nn.Embedding(VOCAB, hidden)
        self.rnn = nn.LSTM(hidden, hidden, batch_first=True)
        self.lm_head = nn.Linear(hidden, VOCAB)

    def forward(self, ids):
        return self.lm_head(self.rnn(self.wte(ids))[0])


model = LMHeadModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
criterion = nn.CrossEntropyLoss()
for step in range(1, 501):
    batch = get_batch()
    inputs, labels = (batch[:, :-1], batch[:, 1:]) if FIXED else (batch, batch)
    logits = model(inputs)
    loss = criterion(logits.reshape(-1, VOCAB), labels.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        with torch.no_grad():
            held = get_batch()
            hit = (model(held[:, :-1]).argmax(-1) == held[:, 1:]).float().mean()
        print(f"step {step} loss {loss.item():.4f}; next word guessed {hit.item():.2f}")
