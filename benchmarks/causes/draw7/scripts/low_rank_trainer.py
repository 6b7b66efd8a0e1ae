"""The trainer's step does everything but clear the gradients. Each step is made with the sum of all that
went before: the weights swing to and fro, and the loss comes nowhere near what it could be."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7243)
torch.set_num_threads(1)


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 40, batch_first=True)
        self.head = nn.Linear(40, 4)

    def forward(self, x):
        return self.head(self.rnn(x)[0])


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr)

    def training_step(self, x, y):
        loss = nn.functional.mse_loss(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        if FIXED:
            self.optimizer.zero_grad()
        return loss.item()


def delayed(n=16, t=18):
    x = torch.randn(n, t, 4)
    y = torch.zeros_like(x)
    y[:, 1:] = x[:, :-1]
    return x, y


trainer = Trainer(Base(), lr=1.0)
for step in range(400):
    loss = trainer.training_step(*delayed())
    if step % 80 in (0, 79):
        print(f"step {step + 1} {loss:.4f}")
