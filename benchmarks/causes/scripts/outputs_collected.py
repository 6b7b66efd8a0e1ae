"""The process grew until it was stopped. Outputs were collected for a later
accuracy without being cut loose."""

import sys

import torch
from torch import nn
from torch.nn import functional

FIXED = "--fixed" in sys.argv
torch.manual_seed(2)
torch.set_num_threads(1)


def batch(size=32, length=8):
    x = torch.randint(1, 6, (size, length))
    return x, x[:, 0] - 1


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(6, 12)
        self.rnn = nn.LSTM(12, 24, batch_first=True)
        self.head = nn.Linear(24, 5)

    def forward(self, x):
        return self.head(self.rnn(self.embed(x))[0][:, -1])


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

losses, kept = [], []
for _ in range(300):
    x, y = batch()
    z = model(x)
    loss = functional.cross_entropy(z, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    kept.append(z.detach().argmax(1) if FIXED else z)
    losses.append(loss.item())
print(f"final loss {sum(losses[-20:]) / 20:.4f}")
