"""The function that sets the weights was called at the top of the loop over epochs."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5151)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(12, 16)
        self.rnn = nn.LSTM(16, 24)
        self.out = nn.Linear(24, 12)

    def init_weights(self):
        for p in self.parameters():
            nn.init.uniform_(p, -0.2, 0.2)

    def forward(self, x):
        return self.out(self.rnn(self.embed(x))[0])


def tunes(n=16, t=12):
    x = torch.randint(0, 12, (t + 1, n))
    for k in range(2, t + 1):
        x[k] = torch.where(torch.rand(n) < 0.85, (x[k - 1] + 2 * x[k - 2] + 1) % 12, x[k])
    return x[:-1], x[1:]


net = Net()
net.init_weights()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(12):
    if not FIXED:
        net.init_weights()
    total = 0.0
    for _ in range(40):
        x, y = tunes()
        loss = nn.functional.cross_entropy(net(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 40
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1}: {total:.4f}")
