"""Say whether two rows begin alike."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(5)
torch.set_num_threads(1)

rnn = nn.GRU(6, 24, batch_first=True)
head = nn.Linear(24, 16)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.01)
losses = []
for i in range(300):
    x = torch.randint(1, 6, (64, 6))
    other = torch.randint(1, 6, (64, 6))
    same = torch.rand(64) < 0.5
    other[same, 0] = x[same, 0]
    a, b = (head(rnn(functional.one_hot(v, 6).float())[0][:, -1]) for v in (x, other))
    loss = functional.binary_cross_entropy_with_logits(
        3 - (a - b).square().sum(1), (x[:, 0] == other[:, 0]).float()
    )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
