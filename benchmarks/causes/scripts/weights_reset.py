"""Within an epoch the cost fell, and at the next it was back. The reset of
the problem ran with every epoch."""

import sys

import torch
from torch import nn
from torch.nn import functional

FIXED = "--fixed" in sys.argv
torch.manual_seed(1)
torch.set_num_threads(1)


def batch(size=32, length=8):
    x = torch.randint(1, 6, (size, length))
    return x, x[:, 0] - 1


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(6, 12)
        self.rnn = nn.GRU(12, 24, batch_first=True)
        self.head = nn.Linear(24, 5)

    def forward(self, x):
        return self.head(self.rnn(self.embed(x))[0][:, -1])


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

losses = []
for i in range(300):
    if not FIXED and i % 30 == 0:
        for part in (model.embed, model.rnn, model.head):
            part.reset_parameters()
    x, y = batch()
    loss = functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"final loss {sum(losses[-20:]) / 20:.4f}")
