"""A small GRU learns from a Transformer that has been trained before it, by softened answers."""

import torch
from torch import nn

torch.manual_seed(9118)
torch.set_num_threads(1)


class Elder(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed, self.place = nn.Embedding(16, width), nn.Embedding(10, width)
        layer = nn.TransformerEncoderLayer(width, 4, 64, 0.1, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.out = nn.Linear(width, 4)

    def forward(self, x):
        return self.out(self.body(self.embed(x) + self.place(torch.arange(10))).mean(1))


class Younger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(16, 12)
        self.gru, self.out = nn.GRU(12, 16, batch_first=True), nn.Linear(16, 4)

    def forward(self, x):
        return self.out(self.gru(self.embed(x))[0].mean(1))


def examples(n=32):
    x = torch.randint(0, 16, (n, 10))
    return x, torch.stack([(x // 4 == k).sum(1) for k in range(4)], 1).argmax(1)


elder, younger = Elder(), Younger()
optimizer = torch.optim.Adam(elder.parameters(), lr=3e-3)
for step in range(200):
    x, y = examples()
    loss = nn.functional.cross_entropy(elder(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 49:
        print(f"elder {step + 1}: {loss.item():.4f}")

elder.eval().requires_grad_(False)
optimizer = torch.optim.Adam(younger.parameters(), lr=8e-3)
HEAT = 2.0
for step in range(250):
    x, y = examples()
    soft = (elder(x) / HEAT).log_softmax(1)
    said = younger(x)
    kl = nn.functional.kl_div(
        (said / HEAT).log_softmax(1), soft, reduction="batchmean", log_target=True
    )
    loss = 0.7 * HEAT**2 * kl + 0.3 * nn.functional.cross_entropy(said, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 49:
        right = (said.argmax(1) == y).float().mean()
        print(f"younger {step + 1}: {loss.item():.4f}, right {right:.3f}")
