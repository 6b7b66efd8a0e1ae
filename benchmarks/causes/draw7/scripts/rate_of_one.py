"""A rate of one was left in a configuration made for SGD when the optimizer became Adam. Each step moves
every weight by about one, the states sit at their limits, and the loss stays far above chance."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7322)
torch.set_num_threads(1)

config = {"lr": 3e-3 if FIXED else 1.0, "batch": 16, "bptt": 20, "width": 48}
VOCAB = 10
follow = torch.randperm(VOCAB)


class LanguageModel(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.encoder = nn.Embedding(VOCAB, width)
        self.rnn = nn.LSTM(width, width)
        self.decoder = nn.Linear(width, VOCAB)

    def forward(self, x):
        return self.decoder(self.rnn(self.encoder(x))[0])


def text(t, n):
    s = [torch.randint(0, VOCAB, (n,))]
    for _ in range(t):
        jump = torch.rand(n) < 0.2
        s.append(torch.where(jump, torch.randint(0, VOCAB, (n,)), follow[s[-1]]))
    s = torch.stack(s)
    return s[:-1], s[1:]


model = LanguageModel(config["width"])
optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"])
for step in range(300):
    x, y = text(config["bptt"], config["batch"])
    loss = nn.functional.cross_entropy(model(x).view(-1, VOCAB), y.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 59:
        print(f"{step + 1} loss {loss.item():.3f}")
