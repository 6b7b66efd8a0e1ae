"""Two birds call once each among noises; which of the two, out of four, called first?"""

import math
import sys

import torch
from torch import nn

torch.manual_seed(53)
torch.set_num_threads(1)
BIRDS, SOUNDS, LENGTH = 4, 16, 16


class LSTMByHand(nn.Module):
    def __init__(self, n_in, n_hidden):
        super().__init__()
        self.n_hidden = n_hidden
        self.Wx = nn.Parameter(torch.randn(n_in, 4 * n_hidden))
        self.Wh = nn.Parameter(torch.randn(n_hidden, 4 * n_hidden))
        self.b = nn.Parameter(torch.zeros(4 * n_hidden))
        if "--fixed" in sys.argv:
            with torch.no_grad():
                self.Wx.mul_(1 / math.sqrt(n_in))
                self.Wh.mul_(1 / math.sqrt(n_hidden))

    def forward(self, x):
        h = c = x.new_zeros(x.size(0), self.n_hidden)
        for step in x.unbind(1):
            i, f, g, o = (step @ self.Wx + h @ self.Wh + self.b).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        return h


class FirstCall(nn.Module):
    def __init__(self, hidden=100):
        super().__init__()
        self.emb = nn.Embedding(SOUNDS, 24)
        self.lstm = LSTMByHand(24, hidden)
        self.out = nn.Linear(hidden, BIRDS)

    def forward(self, sounds):
        return self.out(self.lstm(self.emb(sounds)))


def night(n):
    sounds = torch.randint(BIRDS, SOUNDS, (n, LENGTH))
    birds = torch.rand(n, BIRDS).argsort(1)[:, :2]
    places = torch.rand(n, LENGTH).argsort(1)[:, :2].sort(1).values
    sounds.scatter_(1, places, birds)
    return sounds, birds[:, 0]


model = FirstCall()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(1, 501):
    sounds, bird = night(48)
    loss = nn.functional.cross_entropy(model(sounds), bird)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            sounds, bird = night(500)
            right = (model(sounds).argmax(1) == bird).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right bird {right:.3f}")
