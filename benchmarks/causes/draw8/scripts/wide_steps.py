"""An epoch is a call of a function: three batches, descent with momentum, the rate by the epoch."""

import sys

import torch
from torch import nn, optim

FIXED = "--fixed" in sys.argv
torch.manual_seed(8138)
torch.set_num_threads(1)


def learning_rate(init, epoch):
    return init * (0.5 if epoch > 40 else 1.0)


class Net(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.rnn = nn.RNN(3, width, batch_first=True)
        self.fc = nn.Linear(width, 4)

    def forward(self, x):
        return self.fc(self.rnn(x)[0][:, -1])


net = Net()
criterion = nn.CrossEntropyLoss()
kept = optim.SGD(net.parameters(), lr=0.01, momentum=0.98)
x = torch.randn(240, 8, 3)
y = (x[:, -1, 0] + x[:, -2, 0] > 0).long() * 2 + (x[:, -1, 1] > 0).long()


def train(epoch):
    net.train()
    rate = learning_rate(0.01, epoch)
    if FIXED:
        optimizer = kept
        optimizer.param_groups[0]["lr"] = rate
    else:
        optimizer = optim.SGD(net.parameters(), lr=rate, momentum=0.98)
    total = 0.0
    for rows in torch.randperm(240).split(80):
        optimizer.zero_grad()
        loss = criterion(net(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() / 3
    return total


for epoch in range(1, 61):
    total = train(epoch)
    if epoch % 10 == 0:
        print(f"| epoch {epoch} loss {total:.4f}")
