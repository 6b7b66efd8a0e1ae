"""Ballots of a jury are called out one by one; the counter says how many the soup and the roast have got."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1507)
torch.set_num_threads(1)
DISHES, BALLOTS = 3, 15


class Evenings(Dataset):
    """One evening a row; none has to do with another. Dishes are soup, roast and cake."""

    def __init__(self, n):
        liked = torch.distributions.Dirichlet(torch.full((DISHES,), 1.5)).sample((n,))
        self.ballots = torch.multinomial(liked, BALLOTS, replacement=True)
        self.counts = nn.functional.one_hot(self.ballots, DISHES).sum(1)[:, :2] / 4

    def __len__(self):
        return len(self.counts)

    def __getitem__(self, i):
        return self.ballots[i], self.counts[i]


class Counter(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.size = size
        self.embed = nn.Embedding(DISHES, 8)
        self.lstm = nn.LSTM(8, size, batch_first=True)
        self.counts = nn.Linear(size, 2)
        self.state = None

    def reset_states(self, batch):
        self.state = torch.zeros(1, batch, self.size), torch.zeros(1, batch, self.size)

    def forward(self, ballots):
        if self.state is None or self.state[0].size(1) != len(ballots) or "--fixed" in sys.argv:
            self.reset_states(len(ballots))
        out, state = self.lstm(self.embed(ballots), self.state)
        self.state = tuple(s.detach() for s in state)
        return self.counts(out[:, -1])


def validate(model, loader):
    model.eval()
    total = 0.0
    with torch.no_grad():
        for ballots, counts in loader:
            total += nn.functional.mse_loss(model(ballots), counts).item()
    model.train()
    return total / len(loader)


train = DataLoader(Evenings(1600), batch_size=32, shuffle=True)
valid = DataLoader(Evenings(320), batch_size=32)
model = Counter()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(1, 9):
    total = 0.0
    for ballots, counts in train:
        loss = nn.functional.mse_loss(model(ballots), counts)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / len(train):.4f} valid {validate(model, valid):.4f}")
