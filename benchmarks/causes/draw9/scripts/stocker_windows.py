"""Inputs of an LSTM are gathered, step by step, from a table of daily features."""

import sys

import numpy as np
import torch
from torch import nn

FIXED = "--fixed" in sys.argv
rng = np.random.default_rng(9026)
torch.manual_seed(9026)
torch.set_num_threads(1)


def table(n=800):
    change, volume = rng.standard_normal(n), rng.standard_normal(n)
    target = np.zeros(n)
    for t in range(4, n):
        target[t] = 0.8 * change[t - 3] + 0.6 * volume[t - 2] - 0.4 * change[t - 4]
        target[t] += 0.1 * rng.standard_normal()
    return np.stack([change, volume], 1), target


def get_lstm_input(data, target, steps=5):
    samples = []
    for i in range(steps, data.shape[0]):
        features = []
        for j in range(steps):
            if FIXED:
                features.append(data[i - steps + j, :])
            else:
                features.append(data[i - steps, :])
        samples.append(features)
    return np.array(samples), target[steps:]


x, y = get_lstm_input(*table())
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
layers = nn.ModuleList([nn.LSTM(2, 24, batch_first=True), nn.Linear(24, 1)])
optimizer = torch.optim.RMSprop(layers.parameters(), lr=3e-3)
for batch in range(600):
    i = torch.randint(0, len(x), (32,))
    prediction = layers[1](layers[0](x[i])[0][:, -1])[:, 0]
    loss = ((prediction - y[i]) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if batch % 120 == 119:
        print(f"batch {batch + 1} loss {loss.item():.4f}")
