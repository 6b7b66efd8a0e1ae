"""Rows of a small picture, one at a time, into an LSTM of two directions."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8115)
torch.set_num_threads(1)


class BiRNN(nn.Module):
    def __init__(self, inputs=8, hidden=24, classes=4):
        super().__init__()
        self.hidden = hidden
        self.lstm = nn.LSTM(inputs, hidden, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden, classes)

    def forward(self, x):
        out, _ = self.lstm(x)
        if FIXED:
            ends = torch.cat([out[:, -1, : self.hidden], out[:, 0, self.hidden :]], 1)
        else:
            ends = out[:, -1]
        return self.fc(ends)


def pictures(n=32, rows=36):
    label = torch.randint(0, 4, (n,))
    x = torch.randn(n, rows, 8)
    x[:, 1, :4] += 2.5 * nn.functional.one_hot(label, 4)
    return x, label


model = BiRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(250):
    x, label = pictures()
    loss = nn.functional.cross_entropy(model(x), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 49:
        print(f"Step [{step + 1}] Loss: {loss.item():.4f}")
