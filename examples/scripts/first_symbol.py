"""Which of eight symbols came first, 59 steps before the end? A plain RNN does not find out."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.ModuleDict({"rnn": nn.RNN(8, 64, batch_first=True), "head": nn.Linear(64, 8)})
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for iteration in range(1, 1001):
    symbols = torch.randint(8, (32, 60))
    states, _ = model["rnn"](nn.functional.one_hot(symbols, 8).float())
    loss = nn.functional.cross_entropy(model["head"](states[:, -1]), symbols[:, 0])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if iteration % 250 == 0:
        print(f"iteration {iteration}: loss {loss.item():.3f}")
