"""Errands told to a porter: each word is tagged as room to fetch from, room to bring to, thing or other."""

import sys

import torch
from torch import nn

torch.manual_seed(1613)
torch.set_num_threads(1)
FILLERS, ROOMS, THINGS = 12, 9, 9
FROM, TO = FILLERS, FILLERS + 1
FIRST_ROOM = FILLERS + 2
FIRST_THING = FIRST_ROOM + ROOMS
VOCAB = FIRST_THING + THINGS
LENGTH = 12


def errands(n):
    """Half of them name the place to bring to first; "from" and "to" stand one or two words ahead of it."""
    words = torch.randint(0, FILLERS, (n, LENGTH))
    slots = torch.zeros(n, LENGTH, dtype=torch.long)
    for i in range(n):
        kinds = [(FROM, 1), (TO, 2)] if torch.rand(1) < 0.5 else [(TO, 2), (FROM, 1)]
        for (word, slot), at in zip(kinds, (0, 6), strict=True):
            at += int(torch.randint(0, 3, (1,)))
            gap = int(torch.randint(1, 3, (1,)))
            words[i, at] = word
            words[i, at + gap] = FIRST_ROOM + int(torch.randint(0, ROOMS, (1,)))
            slots[i, at + gap] = slot
        words[i, 5] = FIRST_THING + int(torch.randint(0, THINGS, (1,)))
        slots[i, 5] = 3
    return words, slots


class SlotFilling(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, 24)
        self.lstm = nn.LSTM(24, size, bidirectional=True, batch_first="--fixed" in sys.argv)
        self.dropout = nn.Dropout(0.1)
        self.fc = nn.Linear(2 * size, 4)

    def forward(self, words):
        hidden, _ = self.lstm(self.embedding(words))
        return self.fc(self.dropout(hidden))


train_words, train_slots = errands(960)
test_words, test_slots = errands(240)
is_room = test_words.ge(FIRST_ROOM) & test_words.lt(FIRST_THING)
model = SlotFilling()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(1, 9):
    order, total = torch.randperm(len(train_words)), 0.0
    for rows in order.split(24):
        logits = model(train_words[rows])
        loss = nn.functional.cross_entropy(logits.transpose(1, 2), train_slots[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        said = torch.cat([model(words).argmax(-1) for words in test_words.split(24)])
    model.train()
    right = (said == test_slots)[is_room].float().mean().item()
    print(f"epoch {epoch} loss {total / 40:.4f} test rooms right {right:.3f}")
