"""Calls of a square dance, one after another: a GRU learns what the caller says next, and is asked to call."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(1609)
torch.set_num_threads(1)
CALLS, LENGTH = 12, 16


def dances(n):
    """A call follows from the two before it, save for one time in ten."""
    calls = [torch.randint(0, CALLS, (n,)), torch.randint(0, CALLS, (n,))]
    for _ in range(LENGTH - 2):
        follows = (calls[-1] + 2 * (calls[-2] % 3) + 1) % CALLS
        free = torch.rand(n) < 0.1
        calls.append(torch.where(free, torch.randint(0, CALLS, (n,)), follows))
    return torch.stack(calls, dim=1)


class CallerLM(nn.Module):
    def __init__(self, d_model=48):
        super().__init__()
        self.wte = nn.Embedding(CALLS, 32)
        self.rnn = nn.GRU(32, d_model, batch_first=True)
        self.norm = nn.LayerNorm(d_model)
        self.lm_head = nn.Linear(d_model, CALLS)

    def forward(self, input_ids, labels=None):
        logits = self.lm_head(self.norm(self.rnn(self.wte(input_ids))[0]))
        if labels is None:
            return logits
        if "--fixed" in sys.argv:
            logits, labels = logits[:, :-1], labels[:, 1:]
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


def next_call_right(model):
    calls = dances(300)
    with torch.no_grad():
        said = model(calls[:, :-1])[:, -1].argmax(-1)
    follows = (calls[:, -2] + 2 * (calls[:, -3] % 3) + 1) % CALLS
    return (said == follows).float().mean().item()


model = CallerLM()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
for step in range(1, 361):
    batch = dances(32)
    loss = model(input_ids=batch, labels=batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        print(f"step {step} loss {loss.item():.4f} next call right {next_call_right(model):.3f}")
