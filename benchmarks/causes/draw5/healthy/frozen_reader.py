"""Fine-tuning: a reader trained before is frozen and stays in eval mode; a new head learns, later
the upper layer as well with a smaller rate."""

import torch
from torch import nn

torch.manual_seed(5209)
torch.set_num_threads(1)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 20)
        self.drop = nn.Dropout(0.1)
        self.lower = nn.GRU(20, 28, batch_first=True)
        self.upper = nn.GRU(28, 28, batch_first=True)

    def forward(self, x):
        return self.upper(self.lower(self.drop(self.embed(x)))[0])[0]


def rows(n=24, t=10):
    return torch.randint(0, 20, (n, t))


reader, lm_head = Reader(), nn.Linear(28, 4)
first = torch.optim.Adam([*reader.parameters(), *lm_head.parameters()], lr=5e-3)
for _ in range(150):
    x = rows()
    total = (x // 5).cumsum(1) % 4
    loss = nn.functional.cross_entropy(lm_head(reader(x)).transpose(1, 2), total)
    first.zero_grad()
    loss.backward()
    first.step()
print(f"pre-training {loss.item():.3f}")

reader.eval()
for p in reader.parameters():
    p.requires_grad_(False)
head = nn.Sequential(nn.Linear(28, 24), nn.ReLU(), nn.Linear(24, 2))
optimizer = torch.optim.Adam(head.parameters(), lr=4e-3)
for step in range(240):
    if step == 120:
        for p in reader.upper.parameters():
            p.requires_grad_(True)
        optimizer.add_param_group({"params": reader.upper.parameters(), "lr": 1e-3})
    x = rows()
    y = (x[:, -3:].sum(1) > 28).long()
    loss = nn.functional.cross_entropy(head(reader(x)[:, -1]), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 59:
        print(f"{step + 1} loss {loss.item():.3f}")
