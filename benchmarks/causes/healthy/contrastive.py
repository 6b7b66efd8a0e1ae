"""Two noisy views of a row are matched, with BatchNorm."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(3)
torch.set_num_threads(1)

rnn = nn.GRU(2, 24, batch_first=True)
head = nn.Sequential(nn.Linear(24, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 8))
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.01)
losses = []
for i in range(300):
    x = torch.randn(32, 8, 2)
    a, b = (
        functional.normalize(head(rnn(x + 0.1 * torch.randn_like(x))[0][:, -1]), dim=1)
        for _ in range(2)
    )
    loss = functional.cross_entropy(a @ b.T / 0.2, torch.arange(32))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
