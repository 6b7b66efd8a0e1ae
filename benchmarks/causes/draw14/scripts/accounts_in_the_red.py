"""Is the account in the red after its day? Bookings of a day are tokens, days are shuffled."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1421)
torch.set_num_threads(1)
BOOKINGS, KINDS, BATCH = 4, 8, 30
worth = torch.tensor([3.0, 2.0, 1.0, 1.0, -1.0, -1.0, -2.0, -3.0])


def days(n):
    kinds = torch.randint(0, KINDS, (n, BOOKINGS))
    balance = worth[kinds].sum(1) + 0.5
    return TensorDataset(kinds, (balance < 0).float())


class Ledger(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.size = size
        self.embed = nn.Embedding(KINDS, 8)
        self.rnn = nn.GRU(8, size, batch_first=True)
        self.red = nn.Linear(size, 1)
        self.init_hidden(BATCH)

    def init_hidden(self, batch):
        self.hidden = torch.zeros(1, batch, self.size)

    def forward(self, kinds):
        out, hidden = self.rnn(self.embed(kinds), self.hidden)
        self.hidden = hidden.detach()
        return self.red(out[:, -1]).squeeze(-1)


def run_epoch(model, loader, criterion, optimizer=None):
    model.train(optimizer is not None)
    total, right = 0.0, 0.0
    for kinds, red in loader:
        if "--fixed" in sys.argv:
            model.init_hidden(len(kinds))
        with torch.set_grad_enabled(optimizer is not None):
            scores = model(kinds)
            loss = criterion(scores, red)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        total += loss.item() / len(loader)
        right += ((scores > 0) == red.bool()).float().mean().item() / len(loader)
    return total, right


train = DataLoader(days(1800), batch_size=BATCH, shuffle=True)
valid = DataLoader(days(300), batch_size=BATCH)
model = Ledger()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(1, 9):
    loss, _ = run_epoch(model, train, criterion, optimizer)
    valid_loss, right = run_epoch(model, valid, criterion)
    print(f"epoch {epoch} loss {loss:.4f} valid {valid_loss:.4f} right {right:.3f}")
