"""A critic reads the cards that a player has taken, one after another, and foretells what the game will bring."""

import sys

import torch
from torch import nn

torch.manual_seed(1611)
torch.set_num_threads(1)
CARDS, TAKEN = 20, 12
worth = torch.randn(CARDS)
partner = torch.randperm(CARDS)


def games(n):
    """A card pays its worth, and as much again if its partner came right before it; luck adds a little."""
    cards = torch.randint(0, CARDS, (n, TAKEN))
    pays = worth[cards]
    pair = (partner[cards[:, 1:]] == cards[:, :-1]).float()
    returns = pays.sum(1) + (pair * pays[:, 1:]).sum(1)
    return cards, returns / TAKEN**0.5 + 0.05 * torch.randn(n)


class Critic(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.card = nn.Embedding(CARDS, 16)
        self.cell = nn.GRUCell(16, size)
        self.value = nn.Sequential(nn.Linear(size, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, cards):
        state = torch.zeros(cards.shape[0], self.cell.hidden_size)
        for step in range(cards.shape[1]):
            state = self.cell(self.card(cards[:, step]), state)
        return self.value(state)


class Learner:
    def __init__(self):
        self.critic = Critic()
        self.optimizer = torch.optim.Adam(self.critic.parameters(), lr=3e-3)

    def learn(self, cards, returns):
        values = self.critic(cards)
        if "--fixed" in sys.argv:
            values = values.squeeze(-1)
        error = returns - values
        loss = 0.5 * error.pow(2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.critic.parameters(), 5.0)
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def explained(self):
        cards, returns = games(500)
        values = self.critic(cards).flatten()
        return 1 - ((returns - values).var() / returns.var()).item()


learner = Learner()
for update in range(1, 601):
    loss = learner.learn(*games(48))
    if update % 60 == 0:
        print(f"update {update} loss {loss:.4f} explained variance {learner.explained():.3f}")
