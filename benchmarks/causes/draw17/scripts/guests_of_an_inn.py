"""How many guests sit in an inn after each coming and going of a day? Each day begins empty."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1721)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
HOURS = 16


def days(n):
    """Moves (n, HOURS, 3): so many come, so many go, and how the weather is."""
    come = torch.poisson(torch.full((n, HOURS), 1.0))
    go = torch.poisson(torch.full((n, HOURS), 0.6))
    inside, counts = torch.zeros(n), []
    for t in range(HOURS):
        go[:, t] = torch.minimum(go[:, t], inside + come[:, t])
        inside = inside + come[:, t] - go[:, t]
        counts.append(inside)
    moves = torch.stack([come, go, torch.randn(n, HOURS)], 2)
    return moves, torch.stack(counts, 1) / 5


class InnCounter(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.lstm = nn.LSTM(3, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)
        self.state = None

    def reset(self):
        self.state = None

    def forward(self, moves):
        out, (h, c) = self.lstm(moves, self.state)
        self.state = (h.detach(), c.detach())
        return self.out(out).squeeze(2)


def run_epoch(model, loader, optimizer=None):
    model.train(optimizer is not None)
    losses = []
    for moves, counts in loader:
        if FIXED:
            model.reset()
        loss = nn.functional.mse_loss(model(moves), counts)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


train = DataLoader(TensorDataset(*days(1600)), batch_size=32, shuffle=True)
valid = DataLoader(TensorDataset(*days(320)), batch_size=32)
model = InnCounter()
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)
for epoch in range(1, 13):
    train_loss = run_epoch(model, train, optimizer)
    with torch.no_grad():
        valid_loss = run_epoch(model, valid)
    scheduler.step()
    print(f"epoch {epoch} train {train_loss:.4f} valid {valid_loss:.4f}")
