"""The windows lie in memory with time first. They are made batch-first with a reshape, which leaves the
numbers where they are: each row that the network reads is put together from other rows' steps."""

import sys

import numpy as np
import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7208)
torch.set_num_threads(1)


rng = np.random.default_rng(71)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(self.lstm(x)[1][0][-1])


def load(batch=24, steps=15):
    level = rng.normal(size=(1, batch, 1))
    noise = rng.normal(size=(steps, batch, 2))
    x = np.concatenate([level + 0.7 * noise[..., :1], noise[..., 1:]], -1)
    return x.astype("float32"), level[0].astype("float32")


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for it in range(350):
    x, y = load()
    t, n, f = x.shape
    x = np.swapaxes(x, 0, 1) if FIXED else x.reshape(n, t, f)
    prediction = net(torch.from_numpy(np.ascontiguousarray(x)))
    loss = nn.functional.mse_loss(prediction, torch.from_numpy(y))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 70 == 69:
        print(f"iteration {it + 1}: mse {loss.item():.3f}")
