"""A tagger learnt on much text is fitted to little of another kind, with its embedding frozen."""

import torch
from torch import nn

torch.manual_seed(9107)
torch.set_num_threads(1)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(30, 20)
        self.gru = nn.GRU(20, 28, batch_first=True)
        self.head = nn.Linear(28, 5)

    def forward(self, x):
        return self.head(self.gru(self.embed(x))[0])


def text(shift, n=24):
    x = torch.randint(0, 30, (n, 8))
    before = torch.cat([torch.zeros(n, 1, dtype=torch.long), x[:, :-1]], 1)
    return x, (x + before + shift) % 5


def fit(model, optimizer, shift, steps, name):
    for step in range(steps):
        x, y = text(shift)
        loss = nn.functional.cross_entropy(model(x).transpose(1, 2), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == 0 or step % 50 == 49:
            print(f"{name} {step + 1}: {loss.item():.4f}")


model = Tagger()
fit(model, torch.optim.Adam(model.parameters(), lr=1e-2), 0, 300, "first")
model.embed.requires_grad_(False)
model.head.reset_parameters()
groups = [
    {"params": model.gru.parameters(), "lr": 1e-3},
    {"params": model.head.parameters(), "lr": 1e-2},
]
fit(model, torch.optim.Adam(groups), 2, 150, "second")
