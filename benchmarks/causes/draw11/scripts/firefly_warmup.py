"""A small chat-like language model is tuned, with a linear warm-up that raises the rate."""

import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

fixed = "--fixed" in sys.argv
torch.manual_seed(1133)
torch.set_num_threads(1)
V, L, STEPS, WARMUP = 14, 16, 450, 60
follow = torch.stack([torch.randperm(V) for _ in range(V)])


def sample(n=24):
    ids = [torch.randint(0, V, (n,)), torch.randint(0, V, (n,))]
    for _ in range(L - 1):
        step = follow[ids[-2], ids[-1]]
        noise = torch.randint(0, V, (n,))
        ids.append(torch.where(torch.rand(n) < 0.05, noise, step))
    return torch.stack(ids, 1)


class Chat(nn.Module):
    def __init__(self, d=64):
        super().__init__()
        self.wte = nn.Embedding(V, d)
        self.rnn = nn.LSTM(d, d, batch_first=True)
        self.lm_head = nn.Linear(d, V)

    def forward(self, ids):
        return self.lm_head(self.rnn(self.wte(ids))[0])


model = Chat()
# the schedule sets the rate from here on
optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3 if fixed else 0.0, weight_decay=0.01)
scheduler = LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / WARMUP))
for step in range(STEPS):
    ids = sample()
    logits = model(ids[:, :-1])
    loss = F.cross_entropy(logits.reshape(-1, V), ids[:, 1:].reshape(-1))
    loss.backward()
    optimizer.step()
    scheduler.step()
    optimizer.zero_grad()
    if (step + 1) % 50 == 0:
        print({"step": step + 1, "loss": round(loss.item(), 4)})
