"""What a cow does from one quarter of an hour to the next; mostly, what she has been doing."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(169404)
torch.set_num_threads(1)
DOINGS, PAD = 4, -100
STAY = [7, 4, 9, 5]
NEXT = [[1, 2], [0, 3], [3, 0], [2, 1]]


class Days(Dataset):
    """Each doing lasts about its own time; which one follows depends on the one before."""

    def __init__(self, n):
        self.days = [self.day(int(torch.randint(14, 33, (1,)))) for _ in range(n)]

    @staticmethod
    def day(length):
        before, now, day = (
            int(torch.randint(0, DOINGS, (1,))),
            int(torch.randint(0, DOINGS, (1,))),
            [],
        )
        while len(day) < length + 1:
            day += [now] * (STAY[now] + int(torch.rand(1) < 0.15))
            before, now = now, NEXT[now][before % 2]
        return torch.tensor(day[: length + 1])

    def __len__(self):
        return len(self.days)

    def __getitem__(self, i):
        return self.days[i]


def collate(days):
    lengths = torch.tensor([len(day) - 1 for day in days])
    given = pad_sequence([day[:-1] for day in days], batch_first=True)
    due = pad_sequence([day[1:] for day in days], batch_first=True, padding_value=PAD)
    return given, due, lengths


class Herd(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.embed = nn.Embedding(DOINGS, 8)
        self.gru = nn.GRU(8, hidden, batch_first=True)
        self.out = nn.Linear(hidden, DOINGS)

    def forward(self, given, lengths):
        packed = pack_padded_sequence(
            self.embed(given), lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True)
        return self.out(states)


loader = DataLoader(Days(800), batch_size=16, shuffle=True, collate_fn=collate)
given_test, due_test, lengths_test = collate(Days(100))
model = Herd()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
loss_fn = nn.CrossEntropyLoss(ignore_index=PAD)
changed = (due_test != PAD) & (due_test != given_test)
for epoch in range(1, 7):
    total = 0.0
    for given, due, lengths in loader:
        loss = loss_fn(model(given, lengths).transpose(1, 2), due)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    with torch.no_grad():
        guess = model(given_test, lengths_test).argmax(-1)
    right = guess == due_test
    print(
        f"epoch {epoch} loss {total:.3f} right {right[due_test != PAD].float().mean():.3f} "
        f"right at changes {right[changed].float().mean():.3f} "
        f"staying alone {1 - changed.sum().item() / (due_test != PAD).sum().item():.3f}"
    )
