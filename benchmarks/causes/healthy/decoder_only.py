"""A small causal transformer that copies from two back."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(1)
torch.set_num_threads(1)

embed = nn.Embedding(6, 24)
place = nn.Parameter(0.1 * torch.randn(10, 24))
body = nn.TransformerEncoderLayer(24, 2, 48, 0.0, batch_first=True)
head = nn.Linear(24, 6)
optimizer = torch.optim.Adam(
    [place, *embed.parameters(), *body.parameters(), *head.parameters()], lr=0.005
)
mask = nn.Transformer.generate_square_subsequent_mask(10)
losses = []
for i in range(300):
    x = torch.randint(0, 6, (32, 10))
    z = head(body(embed(x) + place, mask))
    loss = functional.cross_entropy(z[:, 2:].flatten(0, 1), x[:, :-2].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}")
