"""A language model is tuned on lists of tokens in which each token settles the next two."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8108)
torch.set_num_threads(1)
VOCAB = 12


class LanguageModel(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.wte = nn.Embedding(VOCAB, width)
        self.rnn = nn.LSTM(width, width, batch_first=True)
        self.lm_head = nn.Linear(width, VOCAB)

    def forward(self, input_ids, labels):
        logits = self.lm_head(self.rnn(self.wte(input_ids))[0])
        if FIXED:
            logits, labels = logits[:, :-1], labels[:, 1:]
        return F.cross_entropy(logits.reshape(-1, VOCAB), labels.reshape(-1)), logits


def corpus(n=24, t=20):
    ids = torch.randint(0, VOCAB, (n, t))
    for k in range(2, t):
        follow = (ids[:, k - 1] + ids[:, k - 2]) % VOCAB
        ids[:, k] = torch.where(torch.rand(n) < 0.9, follow, ids[:, k])
    return ids


model = LanguageModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3)
for step in range(400):
    batch = corpus()
    loss, _ = model(batch, labels=batch)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 80 == 79:
        print(step + 1, round(loss.item(), 4))
with torch.no_grad():
    batch = corpus(200)
    logits = model.lm_head(model.rnn(model.wte(batch))[0])[:, 2:-1]
    right = (logits.argmax(-1) == batch[:, 3:]).float().mean()
print(f"next token right: {right:.2f}")
