"""The rate was copied from an example with another optimizer. The curve looks flat: hundreds of
steps, and the weights are almost where they began."""

import sys

import torch
from torch import nn, optim

FIXED = "--fixed" in sys.argv
torch.manual_seed(443)
torch.set_num_threads(1)


def sums(n, length=10):
    """Add up what is marked."""
    value = torch.rand(n, length)
    marks = torch.zeros(n, length)
    for row in marks:
        row[torch.randperm(length)[:3]] = 1.0
    return torch.stack([value, marks], -1), (value * marks).sum(1, keepdim=True)


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 32, batch_first=True)
        self.fc = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc(self.lstm(x)[0][:, -1])


x_train, y_train = sums(640)
x_test, y_test = sums(200)
model = Regressor()
optimizer = optim.SGD(model.parameters(), lr=0.05 if FIXED else 1e-5, momentum=0.9)
mse = nn.MSELoss()
for epoch in range(30):
    for rows in torch.randperm(640).split(32):
        loss = mse(model(x_train[rows]), y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    if epoch % 5 == 4:
        with torch.no_grad():
            test = mse(model(x_test), y_test).item()
        print(f"Epoch {epoch + 1}/30 - loss: {loss.item():.4f} - test: {test:.4f}")
