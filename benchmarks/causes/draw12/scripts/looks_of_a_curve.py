"""Three numbers behind a curve are read off it; each batch is given to a function of its own."""

import sys

import torch
from torch import nn

torch.manual_seed(1240)
torch.set_num_threads(1)


class CurveReader(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.rnn = nn.LSTM(1, hidden, num_layers=2, batch_first=True)
        self.numbers = nn.Linear(hidden, 3)

    def forward(self, curve):
        return self.numbers(self.rnn(curve)[0].mean(1))


def curves(n=32, points=25):
    height, speed, slope = (torch.rand(n, 1) for _ in range(3))
    time = torch.linspace(0, 1, points)
    curve = (0.3 + height) * torch.sin((4 + 6 * speed) * time) + (slope - 0.5) * 2 * time
    return curve.unsqueeze(-1), torch.cat([height, speed, slope], 1)


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3, betas=(0.9, 0.999))


def train_on_batch(model, curve, numbers, optimizer=None):
    if optimizer is None:
        optimizer = make_optimizer(model)
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(curve), numbers)
    loss.backward()
    optimizer.step()
    return loss.item()


model = CurveReader()
optimizer = make_optimizer(model) if "--fixed" in sys.argv else None
history = []
for batch in range(1, 601):
    history.append(train_on_batch(model, *curves(), optimizer))
    if batch % 60 == 0:
        print(f"batch {batch} mean loss {sum(history[-60:]) / 60:.5f}")
