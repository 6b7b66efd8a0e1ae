"""Demand in the tens of thousands went in as it was, and each gate stood at its end."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5147)
torch.set_num_threads(1)


def gas(n_days=900):
    day = torch.arange(n_days + 0.0)
    season = torch.sin(day * 0.21) + 0.6 * torch.sin(day * 0.73)
    return 42000 + 9000 * season + 600 * torch.randn(n_days)


demand = gas()
mean, std = demand.mean(), demand.std()
target = (demand - mean) / std
inputs = target if FIXED else demand
x = inputs.unfold(0, 12, 1)[:-1, :, None]
y = target[12:]

lstm = nn.LSTM(1, 32, batch_first=True)
head = nn.Linear(32, 1)
optimizer = torch.optim.Adam([*lstm.parameters(), *head.parameters()], lr=4e-3)
for epoch in range(20):
    for rows in torch.randperm(len(x)).split(32):
        pred = head(lstm(x[rows])[0][:, -1])[:, 0]
        loss = nn.functional.mse_loss(pred, y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 4 == 3:
        print(f"Epoch: {epoch + 1} | Train Loss: {loss.item():.5f}")
