"""After a tip against NaN, each gradient was limited to a norm of 0.001 under plain descent: the
weights hardly moved."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5131)
torch.set_num_threads(1)

LOOK_BACK = 10
CLIPNORM = 1.0 if FIXED else 0.001


def create_dataset(n=600):
    t = torch.arange(n + LOOK_BACK + 0.0)
    series = torch.sin(t * 0.35) * torch.sin(t * 0.11) + 0.05 * torch.randn(len(t))
    windows = series.unfold(0, LOOK_BACK + 1, 1)
    return windows[:, :-1, None], windows[:, -1:]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 24, batch_first=True)
        self.dense = nn.Linear(24, 1)

    def forward(self, x):
        return self.dense(self.lstm(x)[0][:, -1])


train_x, train_y = create_dataset()
model = Net()
sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(24):
    for idx in torch.randperm(len(train_x)).split(32):
        loss = nn.functional.mse_loss(model(train_x[idx]), train_y[idx])
        sgd.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIPNORM)
        sgd.step()
    if epoch % 6 == 5:
        print(f"Epoch {epoch + 1}/24 - loss: {loss.item():.5f}")
