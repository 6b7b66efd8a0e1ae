"""From the last items somebody looked at: will the item shown now be clicked?"""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(108)
torch.set_num_threads(1)
ITEMS = 24
theme = torch.arange(ITEMS) % 3


class SessionRec(nn.Module):
    def __init__(self, factors=20):
        super().__init__()
        self.items = nn.Embedding(ITEMS, factors)
        self.gru = nn.GRU(factors, factors, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(2 * factors, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, history, item):
        _, user = self.gru(self.items(history))
        score = self.mlp(torch.cat([user[0], self.items(item)], -1)).squeeze(-1)
        return score if FIXED else torch.sigmoid(score)


def sessions(n=48, t=6):
    taste = torch.randint(0, 3, (n,))
    history = 3 * torch.randint(0, ITEMS // 3, (n, t)) + taste[:, None]
    item = torch.randint(0, ITEMS, (n,))
    item = torch.where(torch.rand(n) < 0.25, history[:, 0], item)
    return history, item, (theme[item] == taste).float()


model = SessionRec()
criterion = nn.BCEWithLogitsLoss(reduction="mean")
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
total = 0.0
for step in range(1, 601):
    history, item, label = sessions()
    model.zero_grad()
    loss = criterion(model(history, item), label)
    loss.backward()
    optimizer.step()
    total += loss.item()
    if step % 100 == 0:
        print(f"step {step}: mean loss {total / 100:.4f}")
        total = 0.0
