"""Output weights that are the embedding's."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(4)
torch.set_num_threads(1)

embed = nn.Embedding(6, 24)
rnn = nn.GRU(24, 24, batch_first=True)
optimizer = torch.optim.Adam([*embed.parameters(), *rnn.parameters()], lr=0.01)
losses = []
for i in range(300):
    x = torch.randint(0, 6, (32, 8))
    z = rnn(embed(x))[0][:, -1] @ embed.weight.T
    loss = functional.cross_entropy(z, x[:, 0])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
