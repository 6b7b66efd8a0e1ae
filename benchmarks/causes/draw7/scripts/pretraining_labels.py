"""Labels for a language model are made by a helper that ought to move them by one place. It gives back
what it was given, and the net learns to repeat the sign that it sees."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7236)
torch.set_num_threads(1)

STATES = 12
order = torch.softmax(2.5 * torch.randn(STATES, STATES), 1)


def chain(n=24, t=21):
    s = [torch.randint(0, STATES, (n,))]
    for _ in range(t - 1):
        s.append(torch.multinomial(order[s[-1]], 1)[:, 0])
    return torch.stack(s, 1)


def make_labels(ids):
    if FIXED:
        return ids[:, :-1], ids[:, 1:]
    return ids[:, :-1], ids[:, :-1].clone()


class CharLM(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.dim = dim
        self.tok = nn.Embedding(STATES, dim)
        self.cell = nn.LSTMCell(dim, dim)
        self.proj = nn.Linear(dim, STATES)

    def forward(self, ids):
        h = c = torch.zeros(ids.size(0), self.dim)
        logits = []
        for x in self.tok(ids).unbind(1):
            h, c = self.cell(x, (h, c))
            logits.append(self.proj(h))
        return torch.stack(logits, 1)


model = CharLM()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.0)
for it in range(300):
    inputs, labels = make_labels(chain())
    loss = nn.functional.cross_entropy(model(inputs).reshape(-1, STATES), labels.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 60 == 59:
        fresh = chain(100)
        with torch.no_grad():
            held = nn.functional.cross_entropy(model(fresh[:, :-1]).transpose(1, 2), fresh[:, 1:])
        print(f"{it + 1} loss {loss.item():.3f} next sign {held.item():.3f}")
