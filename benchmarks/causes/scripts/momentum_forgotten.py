"""Each short epoch recompiled the model, and what the momentum
had gathered was lost."""

import sys

import torch
from torch import nn

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
        self.rnn = nn.GRU(12, 24, batch_first=True)
        self.head = nn.Linear(24, 5)

    def forward(self, x):
        return self.head(self.rnn(self.embed(x))[0][:, -1])


model = Net()
criterion = nn.CrossEntropyLoss()

losses = []
for i in range(300):
    if i == 0 or (not FIXED and i % 2 == 0):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.95)
    x, y = batch()
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"final loss {sum(losses[-20:]) / 20:.4f}")
