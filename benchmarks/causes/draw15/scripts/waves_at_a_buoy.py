"""The next height of the waves at a buoy, from the twenty heights before it."""

import sys

import torch
from torch import nn

torch.manual_seed(1524)
torch.set_num_threads(1)
INPUT_SIZE, SERIES, BATCH = 20, 640, 32


def heights(n, length):
    """An autoregressive swell, each with a pace of its own."""
    pace = 0.3 + 0.9 * torch.rand(n)
    y = [torch.randn(n), torch.randn(n)]
    for _ in range(length + 28):
        y.append(1.96 * torch.cos(pace) * y[-1] - 0.96 * y[-2] + 0.15 * torch.randn(n))
    return torch.stack(y[-length:], 1)


data = heights(SERIES + 160, INPUT_SIZE + 1)
data = data / data.std()
X_train, y_train = data[:SERIES, :-1], data[:SERIES, -1]
X_test, y_test = data[SERIES:, :-1], data[SERIES:, -1]


class BuoyLSTM(nn.Module):
    def __init__(self, hidden_dim=32, num_layers=1):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden_dim, num_layers)
        self.linear = nn.Linear(hidden_dim, 1)

    def forward(self, x):
        lstm_out, _ = self.lstm(x)
        return self.linear(lstm_out[-1]).view(-1)


def to_input(X):
    if "--fixed" in sys.argv:
        return X.t().unsqueeze(-1)
    return X.reshape(INPUT_SIZE, -1, 1)


model = BuoyLSTM()
loss_fn = nn.MSELoss()
optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(25):
    total = 0.0
    for rows in torch.randperm(SERIES).split(BATCH):
        model.zero_grad()
        loss = loss_fn(model(to_input(X_train[rows])), y_train[rows])
        loss.backward()
        optimiser.step()
        total += loss.item() * len(rows) / SERIES
    if epoch % 3 == 0:
        with torch.no_grad():
            error = loss_fn(model(to_input(X_test)), y_test) / y_test.var()
        print(f"epoch {epoch} MSE {total:.4f} unexplained {error:.3f}")
