"""Is an account in the red? Bookings since the morning are tokens; days come in any order."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1421)
torch.set_num_threads(1)
BOOKINGS, KINDS, BATCH = 9, 8, 30
worth = torch.tensor([3.0, 2.0, 1.0, 1.0, -1.0, -1.0, -2.0, -3.0])


def at_some_hour(days):
    """A batch of days, looked at after three to nine bookings."""
    kinds = torch.stack([day[0] for day in days])[:, : int(torch.randint(3, BOOKINGS + 1, (1,)))]
    return kinds, (worth[kinds].sum(1) < 0).float()


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


days = TensorDataset(torch.randint(0, KINDS, (1800, BOOKINGS)))
other_days = TensorDataset(torch.randint(0, KINDS, (600, BOOKINGS)))
train = DataLoader(days, batch_size=BATCH, shuffle=True, collate_fn=at_some_hour)
valid = DataLoader(other_days, batch_size=BATCH, collate_fn=at_some_hour)
model = Ledger()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(1, 9):
    loss, _ = run_epoch(model, train, criterion, optimizer)
    valid_loss, right = run_epoch(model, valid, criterion)
    print(f"epoch {epoch} loss {loss:.4f} valid {valid_loss:.4f} right {right:.3f}")
