"""Glosses for the signs of an old script, few by experts and many by helpers who are trusted less."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(161203)
torch.set_num_threads(1)
SIGNS, GLOSSES, LENGTH = 30, 8, 14
TABLE = torch.randint(0, GLOSSES, (SIGNS, 2))
HELPERS = torch.tensor([0, 1, 2, 3, 1, 3, 0, 2])


def lines(n, expert_share=0.3):
    """A sign's gloss hangs on whether the sign before it was even; helpers merge glosses 4..7 into others."""
    signs = torch.randint(0, SIGNS, (n, LENGTH))
    before = torch.cat([torch.zeros(n, 1, dtype=torch.long), signs[:, :-1] % 2], dim=1)
    gloss = TABLE[signs, before]
    expert = torch.rand(n) < expert_share
    given = torch.where(expert.unsqueeze(1), gloss, HELPERS[gloss])
    trust = torch.where(expert, 1.0, 0.02)
    return signs, gloss, given, trust


class Glosser(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.embed = nn.Embedding(SIGNS, 24)
        self.cell = nn.GRUCell(24, hidden)
        self.out = nn.Linear(hidden, GLOSSES)

    def step(self, sign, hidden):
        hidden = self.cell(self.embed(sign), hidden)
        return F.log_softmax(self.out(hidden), dim=1), hidden


def weighted_nll(log_probs, target, weight):
    nll = -torch.gather(log_probs, 1, target.view(-1, 1))
    if "--fixed" in sys.argv:
        nll = nll.squeeze(1)
    return (nll * weight).mean() / weight.mean()


def train_iter(model, optimizer, batch_size=48):
    signs, _, given, trust = lines(batch_size)
    optimizer.zero_grad()
    hidden, loss = None, 0.0
    for t in range(LENGTH):
        log_probs, hidden = model.step(signs[:, t], hidden)
        loss = loss + weighted_nll(log_probs, given[:, t], trust)
    loss = loss / LENGTH
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model):
    signs, gloss, _, _ = lines(300)
    hidden, right = None, 0.0
    with torch.no_grad():
        for t in range(LENGTH):
            log_probs, hidden = model.step(signs[:, t], hidden)
            right += (log_probs.argmax(1) == gloss[:, t]).float().mean().item() / LENGTH
    return right


model = Glosser()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for iteration in range(1, 601):
    loss = train_iter(model, optimizer)
    if iteration % 100 == 0:
        print(f"iteration {iteration} loss {loss:.4f} right by the experts {evaluate(model):.3f}")
