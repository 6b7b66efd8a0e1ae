"""A session recommender squashed its score, and the loss squashed it once more."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5106)
torch.set_num_threads(1)

ITEMS = 30


class SessionRec(nn.Module):
    def __init__(self, factors=24):
        super().__init__()
        self.items = nn.Embedding(ITEMS, factors)
        self.gru = nn.GRU(factors, factors, batch_first=True)
        self.out = nn.Linear(2 * factors, 1)

    def forward(self, session, candidate):
        _, h = self.gru(self.items(session))
        score = self.out(torch.cat([h[0] * self.items(candidate), h[0]], dim=1)).squeeze(1)
        if FIXED:
            return score
        return torch.sigmoid(score)


def sample(n=48, t=8):
    taste = torch.randint(0, 3, (n,))
    session = torch.randint(0, ITEMS // 3, (n, t)) * 3 + taste[:, None]
    candidate = torch.randint(0, ITEMS, (n,))
    return session, candidate, (candidate % 3 == taste).float()


criterion = nn.BCEWithLogitsLoss()
model = SessionRec()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(6):
    current_loss = 0.0
    for _ in range(80):
        session, candidate, label = sample()
        optimizer.zero_grad()
        loss = criterion(model(session, candidate), label)
        loss.backward()
        optimizer.step()
        current_loss += loss.item()
    print(f"[Epoch {epoch + 1:03d}] loss {current_loss / 80:.4f}")
