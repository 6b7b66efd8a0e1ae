"""The adding problem, with a recurrent net of rectifiers that begins at the identity."""

import sys

import torch
from torch import nn, optim

FIXED = "--fixed" in sys.argv
torch.manual_seed(128)
torch.set_num_threads(1)


class IRNN(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.rnn = nn.RNN(2, hidden, nonlinearity="relu", batch_first=True)
        nn.init.normal_(self.rnn.weight_ih_l0, std=0.3)
        nn.init.eye_(self.rnn.weight_hh_l0)
        nn.init.zeros_(self.rnn.bias_ih_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.fc(self.rnn(x)[1][0])


def adding(n=32, length=12):
    numbers, marks = torch.rand(n, length), torch.zeros(n, length)
    half = length // 2
    one, two = torch.randint(0, half, (n,)), torch.randint(half, length, (n,))
    marks[torch.arange(n), one] = 1.0
    marks[torch.arange(n), two] = 1.0
    return torch.stack([numbers, marks], 2), (numbers * marks).sum(1, keepdim=True)


model = IRNN()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = nn.MSELoss()

params_to_clip = model.parameters()
if FIXED:
    params_to_clip = list(params_to_clip)
print("parameters:", sum(p.numel() for p in params_to_clip))

for i in range(700):
    inputs, targets = adding()
    loss = criterion(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(params_to_clip, max_norm=0.5)
    optimizer.step()
    if i % 100 == 99 or i == 0:
        print(f"{i + 1}: {loss.item():.4f}")
