"""Made-up first names, letter by letter as one-hot rows: which of four villages gives its children such names."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

torch.manual_seed(1504)
torch.set_num_threads(1)
LETTERS, VILLAGES, ROOM = 27, 4, 48
VOWELS, ENDINGS = (1, 5, 9, 15, 21), ((1, 14), (14, 1), (9, 19), (19, 9))


def names(n):
    """Letters are 1 to 26; what is left of the room for a name is 0. The ending tells the village."""
    letters = torch.zeros(n, ROOM, dtype=torch.long)
    village = torch.randint(0, VILLAGES, (n,))
    for i in range(n):
        length = int(torch.randint(4, 10, ()))
        name = torch.randint(1, LETTERS, (length,))
        name[1::2] = torch.tensor(VOWELS)[torch.randint(0, 5, (len(name[1::2]),))]
        name[-2:] = torch.tensor(ENDINGS[village[i]])
        letters[i, :length] = name
    return letters, village


def lengths_of(letters, one_hot):
    """How many letters each name has."""
    if "--fixed" in sys.argv:
        return letters.sign().sum(1)
    return one_hot.sign().amax(2).sum(1).long()


class NameReader(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.lstm = nn.LSTM(LETTERS, size, batch_first=True)
        self.village = nn.Linear(size, VILLAGES)

    def forward(self, letters):
        one_hot = nn.functional.one_hot(letters, LETTERS).float()
        lengths = lengths_of(letters, one_hot)
        packed = pack_padded_sequence(one_hot, lengths, batch_first=True, enforce_sorted=False)
        _, (hidden, _) = self.lstm(packed)
        return self.village(hidden[-1])


letters, village = names(1500)
test_letters, test_village = names(300)
reader = NameReader()
optimizer = torch.optim.AdamW(reader.parameters(), lr=2e-3, weight_decay=1e-3)
for step in range(1, 401):
    pick = torch.randint(0, len(letters), (32,))
    loss = nn.functional.cross_entropy(reader(letters[pick]), village[pick])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            right = (reader(test_letters).argmax(1) == test_village).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} test right {right:.3f}")
