"""ncps: a closed-form continuous-time network, its cells called step by step."""

import torch
from _digest import digest
from _first import data
from ncps.torch import CfC
from ncps.wirings import AutoNCP
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

ITERATIONS = [8]
LAYERS = 3

if __name__ == "__main__":
    torch.manual_seed(0)
    model = CfC(1, AutoNCP(12, 2, seed=0), batch_first=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(2):
        for x, y in DataLoader(data(), 16):
            optimizer.zero_grad()
            loss = cross_entropy(model(x)[0][:, -1], y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    print(losses, digest(model))
