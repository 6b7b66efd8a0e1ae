"""A word model moves its weights by hand after every part of the text, and keeps its states."""

import sys
import time

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9048)
torch.set_num_threads(1)
VOCAB, BATCH, SEQ = 12, 8, 3


class RNNLM(nn.Module):
    def __init__(self, embed_size=16, hidden_size=24):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, embed_size)
        self.gru = nn.GRU(embed_size, hidden_size, batch_first=True)
        self.linear = nn.Linear(hidden_size, VOCAB)

    def forward(self, x, h):
        out, h = self.gru(self.embed(x), h)
        return self.linear(out), h


def detach(states):
    return states.detach()


model = RNNLM()
ids = [torch.randint(0, VOCAB, (BATCH,))]
while len(ids) <= 200 * SEQ:
    ids.append((ids[-1] * 5 + 1 + (torch.rand(BATCH) < 0.1).long()) % VOCAB)
ids = torch.stack(ids, 1)

states = torch.zeros(1, BATCH, 24)
began = time.perf_counter()
for step in range(200):
    i = step * SEQ
    if FIXED:
        states = detach(states)
    outputs, states = model(ids[:, i : i + SEQ], states)
    loss = nn.functional.cross_entropy(
        outputs.reshape(-1, VOCAB), ids[:, i + 1 : i + 1 + SEQ].reshape(-1)
    )
    model.zero_grad()
    loss.backward(retain_graph=not FIXED)
    for p in model.parameters():
        p.data -= 0.5 * p.grad.data.clamp(-0.25, 0.25)
    if step % 40 == 39:
        took, began = time.perf_counter() - began, time.perf_counter()
        print(f"Step[{step + 1}/200], Loss: {loss.item():.3f}, took {took:.2f} s")
