"""Questions to a help desk are routed to one of six teams by a GRU over their words."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1329)
torch.set_num_threads(1)
WORDS, TEAMS = 90, 6


class Router(nn.Module):
    def __init__(self, size=20):
        super().__init__()
        self.words = nn.Embedding(WORDS, 24)
        self.gru = nn.GRU(24, size, batch_first=True)
        if "--fixed" in sys.argv:
            self.drop = nn.Dropout(0.7)
        self.team = nn.Linear(size, TEAMS)

    def forward(self, question):
        _, h = self.gru(self.words(question))
        if "--fixed" in sys.argv:
            return self.team(self.drop(h[-1]))
        return self.team(nn.Dropout(0.7)(h[-1]))


def questions(n, length=12):
    """Each team has ten words of its own; three of them are among words that anybody uses."""
    team = torch.randint(0, TEAMS, (n,))
    words = torch.randint(60, WORDS, (n, length))
    at = torch.rand(n, length).argsort(1)[:, :3]
    own = team[:, None] * 10 + torch.randint(0, 10, (n, 3))
    # one question in three also has a word that belongs to another team
    stray = torch.rand(n) < 0.33
    own[stray, 0] = torch.randint(0, 60, (int(stray.sum()),))
    return words.scatter(1, at, own), team


train = DataLoader(TensorDataset(*questions(1600)), batch_size=32, shuffle=True)
asked, right = questions(600)
model = Router()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(1, 13):
    model.train()
    total = 0.0
    for question, team in train:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(question), team)
        loss.backward()
        optimizer.step()
        total += loss.item() / len(train)
    model.eval()
    with torch.no_grad():
        first, again = model(asked).argmax(1), model(asked).argmax(1)
    acc = (first == right).float().mean().item()
    same = (first == again).float().mean().item()
    print(f"epoch {epoch:2d} loss {total:.4f} test acc {acc:.3f} same answer twice {same:.3f}")
