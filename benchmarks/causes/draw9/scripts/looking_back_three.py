"""Windows of three measured series are cut to forecast the last of them."""

import sys

import numpy as np
import torch
from torch import nn

FIXED = "--fixed" in sys.argv
rng = np.random.default_rng(9025)
torch.manual_seed(9025)
torch.set_num_threads(1)


def load(n=900):
    a, b, c = np.zeros(n), np.zeros(n), np.zeros(n)
    for t in range(2, n):
        a[t] = 0.6 * a[t - 1] + rng.standard_normal()
        b[t] = 0.4 * b[t - 1] + rng.standard_normal()
        c[t] = 0.2 * c[t - 1] + 1.2 * b[t - 2] - 0.2 * a[t - 1] + 0.2 * rng.standard_normal()
    data = np.stack([a, b, c], 1)
    low, high = data.min(0), data.max(0)
    return (2 * (data - low) / (high - low) - 1).astype(np.float32)


def create_dataset(dataset, look_back=6):
    dataX, dataY = [], []
    for i in range(len(dataset) - look_back):
        if FIXED:
            a = dataset[i : (i + look_back), :]
        else:
            a = dataset[i : (i + look_back), 0]
        dataX.append(a)
        dataY.append(dataset[i + look_back, 2])
    return np.array(dataX), np.array(dataY)


trainX, trainY = create_dataset(load())
trainX = torch.tensor(trainX.reshape(len(trainX), 6, -1))
trainY = torch.tensor(trainY)[:, None]


class Net(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.lstm = nn.LSTM(features, 16, batch_first=True)
        self.dense = nn.Linear(16, 1)

    def forward(self, x):
        return self.dense(self.lstm(x)[0][:, -1])


model = Net(trainX.shape[-1])
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
variance = trainY.var()
for step in range(500):
    rows = torch.randint(0, len(trainX), (32,))
    loss = nn.functional.mse_loss(model(trainX[rows]), trainY[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        with torch.no_grad():
            left = nn.functional.mse_loss(model(trainX), trainY) / variance
        print(f"{step + 1}: loss {loss.item():.4f}, variance left {left:.3f}")
