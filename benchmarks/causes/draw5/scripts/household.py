"""Of the power of a house, only the last reading goes in; the best that can be said from it is that
very reading, though its swing is plain in a window."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5158)
torch.set_num_threads(1)

WINDOW = 12 if FIXED else 1


def power(n=1500):
    x = [0.0, 0.3]
    noise = (0.02 * torch.randn(n)).tolist()
    for e in noise:
        x.append(1.94 * x[-1] - 0.98 * x[-2] + e)
    return torch.tensor(x)


series = power()
series = (series - series.mean()) / series.std()
windows = series.unfold(0, WINDOW + 1, 1)
X, Y = windows[:, :-1, None], windows[:, -1:]


class PowerNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.dense = nn.Linear(32, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.dense(out[:, -1])


net = PowerNet()
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
for epoch in range(12):
    errors = []
    for rows in torch.randperm(len(X)).split(32):
        loss = nn.functional.mse_loss(net(X[rows]), Y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        errors.append(loss.item())
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1} mse {sum(errors) / len(errors):.5f}")
