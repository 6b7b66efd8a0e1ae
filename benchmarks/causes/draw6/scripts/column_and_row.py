"""What is predicted is a column, what is wanted is a row: each forecast is compared with every value
of the batch, and the best one is their mean."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6105)
torch.set_num_threads(1)

sample_size = 900
x = torch.randn(sample_size, 12, 2)
x = x.cumsum(1) * 0.3
y = 1 + 2 * x[:, -1, 0] - x[:, 4, 1] + 0.05 * torch.randn(sample_size)
if FIXED:
    y = y.reshape(sample_size, 1)


class Regressor(nn.Module):
    def __init__(self, n_in, n_hidden):
        super().__init__()
        self.rnn = nn.LSTM(n_in, n_hidden, batch_first=True)
        self.linear = nn.Linear(n_hidden, 1)

    def forward(self, inputs):
        hidden = self.rnn(inputs)[1][0]
        return self.linear(hidden[0])


model = Regressor(2, 32)
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)
loss_func = nn.MSELoss()
for epoch in range(10):
    order = torch.randperm(sample_size)
    epoch_loss = 0.0
    for i in range(0, sample_size, 30):
        rows = order[i : i + 30]
        optimizer.zero_grad()
        loss_val = loss_func(model(x[rows]), y[rows])
        loss_val.backward()
        optimizer.step()
        epoch_loss += loss_val.item()
    print(f"{epoch} {epoch_loss / 30:.3f}")
