"""Clients with a series each train a plain RNN in turn, and a server averages their weights."""

import copy
import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9010)
torch.set_num_threads(1)


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 32, batch_first=True, nonlinearity="relu")
        self.fc = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc(self.rnn(x)[0][:, -1])


def data(client, n=32, length=30):
    x = torch.rand(n, length, 1) + 0.1 * client
    return x, x.sum(1)


def client_update(model, client, clip=1.0, steps=8):
    model = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    for _ in range(steps):
        x, y = data(client)
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        if FIXED:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
        else:
            optimizer.step()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
    return model.state_dict(), loss.item()


server = Forecaster()
for rnd in range(16):
    results = [client_update(server, c) for c in range(4)]
    server.load_state_dict(
        {k: torch.stack([s[k] for s, _ in results]).mean(0) for k in server.state_dict()}
    )
    if rnd % 3 == 0:
        print(f"round {rnd + 1}: losses " + " ".join(f"{v:.3f}" for _, v in results))
