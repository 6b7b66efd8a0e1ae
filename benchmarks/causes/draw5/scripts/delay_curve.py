"""A chaotic series was to be forecast, but the two slices were taken the wrong way round: what was
asked for lies in what goes in."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5109)
torch.set_num_threads(1)

PREDICT_LENGTH = 5


def mackey_glass(n_rows, length, tau=17):
    history = 1.2 + 0.2 * (torch.rand(tau + 1, n_rows) - 0.5)
    rows = list(history)
    for _ in range(length + 100):
        old = rows[-tau - 1]
        rows.append(rows[-1] + 0.2 * old / (1 + old**10) - 0.1 * rows[-1])
    series = torch.stack(rows[-length:], 1)[..., None]
    return series - 0.9


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.LSTM(1, 40, batch_first=True)
        self.out = nn.Linear(40, 1)

    def forward(self, x):
        return self.out(self.hidden(x)[0])


series = mackey_glass(96, 40)
if FIXED:
    X, Y = series[:, :-PREDICT_LENGTH], series[:, PREDICT_LENGTH:]
else:
    Y, X = series[:, :-PREDICT_LENGTH], series[:, PREDICT_LENGTH:]

net = Forecaster()
opt = torch.optim.Adam(net.parameters(), lr=6e-3)
for epoch in range(40):
    for rows in torch.randperm(96).split(16):
        loss = nn.functional.mse_loss(net(X[rows]), Y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 10 == 9:
        print(f"{epoch + 1:3d} nrmse {(loss / Y.var()).sqrt().item():.4f}")
fresh = mackey_glass(32, 40)
with torch.no_grad():
    error = (net(fresh[:, :-PREDICT_LENGTH]) - fresh[:, PREDICT_LENGTH:]).square().mean()
print(f"forecast {PREDICT_LENGTH} ahead: nrmse {(error / fresh.var()).sqrt().item():.4f}")
