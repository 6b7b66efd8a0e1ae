"""A pointer network says the positions of sorted numbers; less and less is it told the truth."""

import random

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(14)
random.seed(14)
torch.set_num_threads(1)


class Pointer(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.encoder = nn.LSTM(1, width, batch_first=True)
        self.decoder = nn.LSTMCell(width, width)
        self.start = nn.Parameter(torch.zeros(width))
        self.key, self.query = nn.Linear(width, width), nn.Linear(width, width)
        self.score = nn.Linear(width, 1)

    def forward(self, x, order, told):
        encoded, (h, c) = self.encoder(x)
        h, c = h[0], c[0]
        step = self.start.expand(len(x), -1)
        keys, logits = self.key(encoded), []
        for t in range(x.size(1)):
            h, c = self.decoder(step, (h, c))
            z = self.score(torch.tanh(keys + self.query(h)[:, None])).squeeze(2)
            logits.append(z)
            pick = order[:, t] if random.random() < told else z.argmax(1)
            step = encoded[torch.arange(len(x)), pick]
        return torch.stack(logits, 1)


net = Pointer()
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
for i in range(300):
    x = torch.rand(32, 5, 1)
    order = x.squeeze(2).argsort(1)
    loss = F.cross_entropy(net(x, order, 1 - i / 400).flatten(0, 1), order.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 2.0)
    optimizer.step()
    if i % 60 == 59:
        print(i + 1, f"{loss.item():.3f}")
