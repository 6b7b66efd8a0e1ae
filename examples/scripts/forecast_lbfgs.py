"""Forecasting waves with two LSTM cells in a loop, trained by L-BFGS on all of the data."""

import sys

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm1 = nn.LSTMCell(1, 32)
        self.lstm2 = nn.LSTMCell(32, 32)
        self.linear = nn.Linear(32, 1)

    def forward(self, series, future=0):
        outputs = []
        h1 = torch.zeros(series.size(0), 32, dtype=series.dtype)
        c1, h2, c2 = torch.zeros_like(h1), torch.zeros_like(h1), torch.zeros_like(h1)
        for x in series.split(1, dim=1):
            h1, c1 = self.lstm1(x, (h1, c1))
            h2, c2 = self.lstm2(h1, (h2, c2))
            output = self.linear(h2)
            outputs.append(output)
        for _ in range(future):  # its own forecast is the next input
            h1, c1 = self.lstm1(output, (h1, c1))
            h2, c2 = self.lstm2(h1, (h2, c2))
            output = self.linear(h2)
            outputs.append(output)
        return torch.cat(outputs, dim=1)


def main():
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    np.random.seed(0)
    torch.manual_seed(0)
    length, count, period = 200, 40, 20
    x = np.arange(length) + np.random.randint(-4 * period, 4 * period, count).reshape(count, 1)
    data = torch.from_numpy(np.sin(x / 1.0 / period).astype("float64"))
    train_in, train_out = data[3:, :-1], data[3:, 1:]
    test_in, test_out = data[:3, :-1], data[:3, 1:]

    model = Sequence().double()
    criterion = nn.MSELoss()
    optimizer = optim.LBFGS(model.parameters(), lr=0.8, max_iter=10)
    for i in range(steps):

        def closure():
            optimizer.zero_grad()
            loss = criterion(model(train_in), train_out)
            loss.backward()
            return loss

        loss = optimizer.step(closure)
        with torch.no_grad():
            forecast = model(test_in, future=100)
            test = criterion(forecast[:, :-100], test_out)
        print(f"step {i}  loss {loss.item():.6f}  test {test.item():.6f}")


if __name__ == "__main__":
    main()
