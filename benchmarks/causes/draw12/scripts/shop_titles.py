"""Titles of goods, most of them short, are put into shelves by a recurrent net over a padded batch."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

torch.manual_seed(1217)
torch.set_num_threads(1)
WORDS, SHELVES = 40, 6


def titles(n):
    """The shelf follows from the first and the last word of a title; a few titles are very long."""
    rows = []
    for _ in range(n):
        length = int(torch.randint(3, 9, (1,)))
        if torch.rand(1) < 0.1:
            length = int(torch.randint(30, 45, (1,)))
        words = torch.randint(1, WORDS, (length,))
        shelf = (int(words[0]) // 14 + 3 * (int(words[-1]) // 20)) % SHELVES
        rows.append((words, shelf))
    return rows


def collate(rows):
    text = pad_sequence([words for words, _ in rows], batch_first=True, padding_value=0)
    lengths = torch.tensor([len(words) for words, _ in rows])
    return text, lengths, torch.tensor([shelf for _, shelf in rows])


class Seq2Label(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 32, padding_idx=0)
        self.rnn = nn.RNN(32, 48, batch_first=True)
        self.fc = nn.Linear(48, SHELVES)

    def forward(self, text, lengths):
        out, _ = self.rnn(self.embedding(text))
        if "--fixed" in sys.argv:
            last = out[torch.arange(len(lengths)), lengths - 1]
        else:
            last = out[:, -1]
        return self.fc(last)


loader = DataLoader(titles(2400), 48, shuffle=True, collate_fn=collate)
test = DataLoader(titles(480), 48, collate_fn=collate)
model = Seq2Label()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(1, 13):
    total = 0.0
    for text, lengths, shelf in loader:
        loss = nn.functional.cross_entropy(model(text, lengths), shelf)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch % 2 == 0:
        with torch.no_grad():
            hits = [(model(t, n).argmax(1) == s).float().mean() for t, n, s in test]
        print(f"epoch {epoch} loss {total / len(loader):.4f} test {sum(hits) / len(hits):.3f}")
