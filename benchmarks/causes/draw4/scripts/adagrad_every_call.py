"""The function that trains on a batch made its own Adagrad. With nothing gathered yet, each step
was as large as the first, and in the direction of the sign alone."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(430)
torch.set_num_threads(1)

model = nn.ModuleDict(
    {
        "embed": nn.Embedding(12, 24),
        "rnn": nn.LSTM(24, 40, batch_first=True),
        "out": nn.Linear(40, 12),
    }
)
global_optimizer = torch.optim.Adagrad(model.parameters(), lr=0.15)


def forward(x):
    hidden, _ = model["rnn"](model["embed"](x))
    return model["out"](hidden)


def train(x, y, learning_rate=0.15):
    optimizer = (
        global_optimizer if FIXED else torch.optim.Adagrad(model.parameters(), lr=learning_rate)
    )
    current_loss = nn.functional.cross_entropy(forward(x).transpose(1, 2), y)
    optimizer.zero_grad()
    current_loss.backward()
    optimizer.step()
    return current_loss.item()


def melody(n=24):
    x = torch.randint(0, 12, (n, 13))
    for t in range(2, 13):
        x[:, t] = (x[:, t - 2] + 7 * (x[:, t - 1] > 5).long() + 2) % 12
    return x[:, :-1], x[:, 1:]


losses = []
for step in range(400):
    losses.append(train(*melody()))
    if step % 80 == 79:
        print(f"Step {step + 1:3d}: mean loss of the last {sum(losses[-40:]) / 40:.4f}")
