"""What will this visitor put into the basket? The pages seen are items; any number may be bought."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1518)
torch.set_num_threads(1)
ITEMS, SEEN = 20, 9


class Visits(Dataset):
    """An item is bought if it was looked at twice or more."""

    def __init__(self, n):
        self.pages = torch.randint(1, ITEMS + 1, (n, SEEN))
        again = torch.rand(n, SEEN) < 0.4
        self.pages[:, 1:] = torch.where(again[:, 1:], self.pages[:, :-1], self.pages[:, 1:])
        counts = nn.functional.one_hot(self.pages, ITEMS + 1).sum(1)[:, 1:]
        self.bought = (counts >= 2).float()

    def __len__(self):
        return len(self.pages)

    def __getitem__(self, i):
        return self.pages[i], self.bought[i]


class BinaryOutput(nn.Module):
    def __init__(self, size, items):
        super().__init__()
        self.to_call = nn.Linear(size, items)
        self.default_loss = nn.BCEWithLogitsLoss() if "--fixed" not in sys.argv else nn.BCELoss()

    def forward(self, x):
        return torch.sigmoid(self.to_call(x))


class Recommender(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.items = nn.Embedding(ITEMS + 1, 24)
        self.gru = nn.GRU(24, size, batch_first=True)
        self.output = BinaryOutput(size, ITEMS)

    def forward(self, pages):
        return self.output(self.gru(self.items(pages))[1][-1])


train, test = Visits(1920), Visits(400)
loader = DataLoader(train, batch_size=32, shuffle=True)
model = Recommender()
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)
for epoch in range(10):
    total = 0.0
    for pages, bought in loader:
        loss = model.output.default_loss(model(pages), bought)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        scores = model(test.pages)
    found = ((scores > 0.5) & (test.bought > 0)).sum() / test.bought.sum()
    wrong = ((scores > 0.5) & (test.bought == 0)).float().sum(1).mean()
    off = (scores - test.bought).abs().mean()
    mean = total / len(loader)
    print(f"epoch {epoch} loss {mean:.4f} found {found:.3f} wrong {wrong:.2f} off by {off:.3f}")
