"""Results changed after the first validation. It had switched the network over, and
no one switched it back."""

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
        self.norm = nn.BatchNorm1d(48)
        self.drop = nn.Dropout(0.2)
        self.rnn = nn.GRU(6, 24, batch_first=True)
        self.head = nn.Linear(48, 5)

    def forward(self, x):
        out = self.rnn(functional.one_hot(x, 6).float())[0]
        return self.head(self.drop(self.norm(torch.cat([out[:, -1], out[:, 0]], 1) * 30)))


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

criterion = nn.CrossEntropyLoss()

losses = []
for i in range(300):
    if i % 50 == 20:
        model.eval()
        with torch.no_grad():
            criterion(model(batch()[0]), batch()[1])
        if FIXED:
            model.train()
    x, y = batch()
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"final loss {sum(losses[-20:]) / 20:.4f}")
