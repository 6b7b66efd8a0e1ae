"""The first mark of a long row of noise is asked for at the end."""

import sys

import torch
from torch import nn

torch.manual_seed(1255)
torch.set_num_threads(1)
LENGTH, MARKS, UNITS = 80, 4, 32
FIXED = "--fixed" in sys.argv


class Sandbox(nn.Module):
    def __init__(self):
        super().__init__()
        if FIXED:
            self.rnn = nn.LSTM(MARKS, UNITS, batch_first=True)
            nn.init.constant_(self.rnn.bias_ih_l0.data[UNITS : 2 * UNITS], 5.0)
        else:
            self.rnn = nn.RNN(MARKS, UNITS, batch_first=True)
        self.dense = nn.Linear(UNITS, MARKS)

    def forward(self, x):
        return self.dense(self.rnn(x)[0][:, -1])


def rows(n=32):
    mark = torch.randint(0, MARKS, (n,))
    x = 0.15 * torch.randn(n, LENGTH, MARKS)
    x[:, 0] = 2 * nn.functional.one_hot(mark, MARKS)
    return x, mark


model = Sandbox()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for iteration in range(1, 451):
    x, mark = rows()
    logits = model(x)
    loss = nn.functional.cross_entropy(logits, mark)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if iteration % 45 == 0:
        acc = (logits.argmax(1) == mark).float().mean().item()
        print(f"iteration {iteration} loss {loss.item():.3f} acc {acc:.2f}")
