"""The tool that fills sequences up puts the filler behind them, where its reader believes it in front,
and takes the last step. For most rows the last step is nothing but filler, many steps long."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7301)
torch.set_num_threads(1)


class Sequential4(nn.Module):
    def __init__(self, symbols=8, width=32):
        super().__init__()
        self.embed = nn.Embedding(symbols, 16)
        self.rnn = nn.RNN(16, width, batch_first=True)
        self.linear = nn.Linear(width, 4)

    def forward(self, x):
        return self.linear(self.rnn(self.embed(x))[0][:, -1])


def pad_sequences(rows, length, side):
    out = torch.zeros(len(rows), length, dtype=torch.long)
    for i, row in enumerate(rows):
        if side == "pre":
            out[i, length - len(row) :] = row
        else:
            out[i, : len(row)] = row
    return out


def batch(n=32, longest=60):
    rows, classes = [], []
    for _ in range(n):
        k = int(torch.randint(5, 20, ()).item())
        row = torch.randint(1, 6, (k,))
        a, b = torch.randint(0, 2, (2,)).tolist()
        row[-4], row[-2] = 6 + a, 6 + b
        rows.append(row)
        classes.append(2 * a + b)
    return pad_sequences(rows, longest, "pre" if FIXED else "post"), torch.tensor(classes)


model = Sequential4()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
for step in range(400):
    x, y = batch()
    out = model(x)
    loss = criterion(out, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 79:
        print(step + 1, round(loss.item(), 3), (out.argmax(1) == y).float().mean().item())
