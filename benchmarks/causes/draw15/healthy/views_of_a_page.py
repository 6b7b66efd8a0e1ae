"""Daily views of pages run from a few to a million; the next day's are told for each of them."""

import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(15533)
torch.set_num_threads(1)
DAYS = 21


class Pages(Dataset):
    def __init__(self, n):
        size = torch.rand(n, 1) * 11 + 2
        day = torch.arange(DAYS + 1).float()
        week = (
            0.5
            * torch.rand(n, 1)
            * torch.sin(2 * math.pi * (day + torch.randint(0, 7, (n, 1))) / 7)
        )
        trend = 0.05 * torch.randn(n, 1) * day
        self.views = torch.exp(size + week + trend + 0.05 * torch.randn(n, DAYS + 1)).round()

    def __len__(self):
        return len(self.views)

    def __getitem__(self, i):
        return self.views[i, :-1], self.views[i, -1]


class ViewNet(nn.Module):
    """Works on log counts, level with the last day's."""

    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(1, size, batch_first=True)
        self.out = nn.Linear(size, 1)

    def forward(self, views):
        logs = torch.log1p(views)
        level = logs.mean(1, keepdim=True)
        hidden, _ = self.gru((logs - level).unsqueeze(-1))
        return self.out(hidden[:, -1]).squeeze(-1) + level.squeeze(1)


train, test = Pages(1280), Pages(300)
loader = DataLoader(train, batch_size=32, shuffle=True)
print(f"most views {int(train.views.max())}, fewest {int(train.views.min())}")
model = ViewNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(1, 11):
    losses = []
    for views, following in loader:
        loss = nn.functional.mse_loss(model(views), torch.log1p(following))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        told, wanted = model(test.views[:, :-1]), torch.log1p(test.views[:, -1])
        error = (told - wanted).pow(2).mean().sqrt().item()
    print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} test error of the log {error:.3f}")
