"""Tag each place of padded rows; filler is left out of the loss."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(6)
torch.set_num_threads(1)

rnn = nn.GRU(6, 24, batch_first=True)
head = nn.Linear(24, 6)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.01)
losses = []
for i in range(300):
    lengths = torch.randint(3, 13, (32, 1))
    x = torch.randint(1, 6, (32, 12))
    y = x.roll(1, 1)
    x[torch.arange(12)[None] >= lengths] = 0
    y = torch.where(x == 0, 0, y)
    y[:, 0] = 0
    z = head(rnn(functional.one_hot(x, 6).float())[0])
    loss = functional.cross_entropy(z.flatten(0, 1), y.flatten(), ignore_index=0)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
