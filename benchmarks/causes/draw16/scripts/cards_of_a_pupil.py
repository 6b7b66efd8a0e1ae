"""Cards a pupil has learnt by: from days between reviews and grades, how well is each card known now."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1617)
torch.set_num_threads(1)


class Cards(Dataset):
    """Rows are (days since the last review, grade); many reviews come on the same day, day 0."""

    def __init__(self, n):
        self.items = []
        for _ in range(n):
            length = int(torch.randint(3, 19, (1,)))
            days = torch.randint(1, 9, (length,)) * (torch.rand(length) < 0.3)
            grade = torch.randint(1, 4, (length,)) * (torch.rand(length) < 0.55)
            known = 0.5
            for d, g in zip(days.tolist(), grade.tolist(), strict=True):
                wanted = g / 3
                known += (0.25 + 0.05 * d) * (wanted - known)
            row = torch.stack([days / 8, grade / 3], dim=1)
            self.items.append((row, torch.tensor(known)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    rows, known = zip(*batch, strict=True)
    lengths = torch.tensor([len(r) for r in rows])
    return pad_sequence(rows, batch_first=True), lengths, torch.stack(known)


class MemoryModel(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True)
        self.head = nn.Sequential(nn.Linear(size, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, rows, lengths):
        out, _ = self.gru(rows)
        if "--fixed" in sys.argv:
            last = out[torch.arange(len(out)), lengths - 1]
        else:
            last = out[:, -1]
        return self.head(last).squeeze(1)


loader = DataLoader(Cards(1280), batch_size=24, shuffle=True, collate_fn=collate)
test = collate(list(Cards(320)))
model = MemoryModel()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.MSELoss()
for epoch in range(1, 9):
    total = 0.0
    for rows, lengths, known in loader:
        loss = loss_fn(model(rows, lengths), known)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        error = loss_fn(model(test[0], test[1]), test[2]).sqrt().item()
    print(
        f"epoch {epoch} loss {total / len(loader):.5f} test rmse {error:.4f} "
        f"(spread of what is to be told {test[2].std().item():.4f})"
    )
