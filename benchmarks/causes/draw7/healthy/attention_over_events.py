"""A classifier that weighs the outputs of a recurrent net; what is filler has no weight."""

import torch
from torch import nn

torch.manual_seed(7729)
torch.set_num_threads(1)


class Weighed(nn.Module):
    def __init__(self, v=20, d=32):
        super().__init__()
        self.e = nn.Embedding(v, d, padding_idx=0)
        self.r = nn.GRU(d, d, batch_first=True)
        self.q = nn.Linear(d, 1)
        self.o = nn.Linear(d, 3)

    def forward(self, x):
        h = self.r(self.e(x))[0]
        w = self.q(h)[..., 0].masked_fill(x == 0, float("-inf")).softmax(1)
        return self.o((w[..., None] * h).sum(1))


def events(n=32, t=18):
    length = torch.randint(6, t + 1, (n,))
    x = torch.randint(4, 20, (n, t))
    y = torch.randint(0, 3, (n,))
    x[torch.arange(n), (torch.rand(n) * length).long()] = y + 1
    x[torch.arange(t) >= length[:, None]] = 0
    return x, y


model = Weighed()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(250):
    x, y = events()
    loss = nn.functional.cross_entropy(model(x), y)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 10.0)
    opt.step()
    if step % 50 == 49:
        print(step + 1, round(loss.item(), 4))
