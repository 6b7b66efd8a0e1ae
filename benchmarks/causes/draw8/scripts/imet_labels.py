"""Each museum record may have several of twelve attributes; a GRU reads its description."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8107)
torch.set_num_threads(1)


class Tagger(nn.Module):
    def __init__(self, words=40, width=40, attributes=12):
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.gru = nn.GRU(width, width)
        self.head = nn.Linear(width, attributes)

    def forward(self, x):
        h = self.gru(self.words(x))[0].amax(0)
        score = self.head(h)
        return score if FIXED else torch.sigmoid(score)


def records(n=32, t=10):
    x = torch.randint(0, 40, (t, n))
    y = torch.stack([(x == k).any(0) for k in range(12)], 1)
    return x, y.float()


net = Tagger()
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(300):
    x, y = records()
    loss = loss_fn(net(x), y)
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()
    if not (step + 1) % 60:
        print(f"{step + 1:4d} {loss.item():.3f}")
