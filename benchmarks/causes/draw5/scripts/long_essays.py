"""Windows of an essay share one history, since the state between them is whole: each window's
backward pass went through all the windows before it again, with retain_graph to allow it."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5124)
torch.set_num_threads(1)


class Writer(nn.Module):
    def __init__(self, vocab=16, width=32):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.proj = nn.Linear(width, vocab)

    def forward(self, x, h):
        out, h = self.gru(self.embed(x), h)
        return self.proj(out), h


def essay(n=12, length=61):
    x = torch.randint(0, 16, (n, length))
    theme = torch.randint(1, 4, (n,))
    for t in range(1, length):
        x[:, t] = torch.where(torch.rand(n) < 0.8, (x[:, t - 1] + theme * 3) % 16, x[:, t])
    return x


model = Writer()
optimizer = torch.optim.SGD(model.parameters(), lr=0.25, momentum=0.9)
WINDOW = 10
for doc in range(90):
    tokens, hidden = essay(), None
    optimizer.zero_grad()
    total = 0.0
    for start in range(0, 60, WINDOW):
        x = tokens[:, start : start + WINDOW]
        y = tokens[:, start + 1 : start + 1 + WINDOW]
        if FIXED and hidden is not None:
            hidden = hidden.detach()
        logits, hidden = model(x, hidden)
        loss = nn.functional.cross_entropy(logits.transpose(1, 2), y) / 6
        loss.backward(retain_graph=not FIXED)
        total += loss.item()
    optimizer.step()
    if doc % 15 == 14:
        print(f"document {doc + 1:3d}  loss {total:.4f}")
