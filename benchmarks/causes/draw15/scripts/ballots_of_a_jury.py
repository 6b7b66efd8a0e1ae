"""Ballots of a jury are called out one by one; the counter names the dish that got the most of them."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1507)
torch.set_num_threads(1)
DISHES, BALLOTS = 3, 15


class Evenings(Dataset):
    """One evening a row; none has to do with another. The winner leads by two ballots or more."""

    def __init__(self, n):
        liked = torch.distributions.Dirichlet(torch.full((DISHES,), 1.5)).sample((4 * n,))
        ballots = torch.multinomial(liked, BALLOTS, replacement=True)
        counts = nn.functional.one_hot(ballots, DISHES).sum(1)
        first, second = counts.topk(2, dim=1).values.unbind(1)
        keep = (first - second >= 2).nonzero().flatten()[:n]
        self.ballots, self.winner = ballots[keep], counts[keep].argmax(1)

    def __len__(self):
        return len(self.winner)

    def __getitem__(self, i):
        return self.ballots[i], self.winner[i]


class Counter(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.size = size
        self.embed = nn.Embedding(DISHES, 8)
        self.lstm = nn.LSTM(8, size, batch_first=True)
        self.winner = nn.Linear(size, DISHES)
        self.state = None

    def reset_states(self, batch):
        self.state = torch.zeros(1, batch, self.size), torch.zeros(1, batch, self.size)

    def forward(self, ballots):
        if self.state is None or self.state[0].size(1) != len(ballots) or "--fixed" in sys.argv:
            self.reset_states(len(ballots))
        out, state = self.lstm(self.embed(ballots), self.state)
        self.state = tuple(s.detach() for s in state)
        return self.winner(out[:, -1])


def validate(model, loader):
    model.eval()
    right = 0
    with torch.no_grad():
        for ballots, winner in loader:
            right += (model(ballots).argmax(1) == winner).sum().item()
    model.train()
    return right / len(loader.dataset)


train = DataLoader(Evenings(1600), batch_size=32, shuffle=True)
valid = DataLoader(Evenings(320), batch_size=32)
model = Counter()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(1, 10):
    total = 0.0
    for ballots, winner in train:
        loss = nn.functional.cross_entropy(model(ballots), winner)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / len(train):.4f} valid right {validate(model, valid):.3f}")
