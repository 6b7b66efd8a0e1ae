"""Point in the direction of a target."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(6)
torch.set_num_threads(1)

rnn = nn.LSTM(2, 24, batch_first=True)
head = nn.Linear(24, 3)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.01)
losses = []
for i in range(300):
    x = torch.randn(32, 8, 2)
    y = torch.stack([x[:, 0, 0], x[:, :, 1].mean(1), x[:, -1, 0]], 1)
    loss = 1 - functional.cosine_similarity(head(rnn(x)[0][:, -1]), y).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
