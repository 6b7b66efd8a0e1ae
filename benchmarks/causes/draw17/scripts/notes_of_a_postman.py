"""Notes of a postman, a few words up to many; the two last words say into which of five bags a letter goes."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1718)
torch.set_num_threads(1)
WORDS, BAGS = 20, 5


class Notes(Dataset):
    def __init__(self, n):
        self.notes = []
        for _ in range(n):
            length = 3 + int(torch.distributions.Exponential(1 / 8.0).sample().clamp(max=40))
            words = torch.randint(1, WORDS + 1, (length,))
            self.notes.append((words, int(words[-1] + 2 * words[-2]) % BAGS))

    def __len__(self):
        return len(self.notes)

    def __getitem__(self, i):
        return self.notes[i]


def collate(batch):
    batch = sorted(batch, key=lambda note: len(note[0]), reverse=True)
    words = pad_sequence([note[0] for note in batch], batch_first=True)
    if "--fixed" in sys.argv:
        lengths = torch.tensor([len(note[0]) for note in batch])
    else:
        lengths = torch.tensor([len(row) for row in words])
    return words, lengths, torch.tensor([note[1] for note in batch])


class Sorter(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS + 1, 24, padding_idx=0)
        self.gru = nn.GRU(24, 64, batch_first=True)
        self.fc = nn.Linear(64, BAGS)

    def forward(self, words, lengths):
        packed = pack_padded_sequence(self.embed(words), lengths, batch_first=True)
        _, h = self.gru(packed)
        return self.fc(h[-1])


train = DataLoader(Notes(1280), batch_size=32, shuffle=True, collate_fn=collate)
test = DataLoader(Notes(240), batch_size=48, collate_fn=collate)
model = Sorter()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(1, 10):
    running = 0.0
    for words, lengths, bag in train:
        loss = nn.functional.cross_entropy(model(words, lengths), bag)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() / len(train)
    with torch.no_grad():
        hits = [(model(w, n).argmax(1) == bag).float().mean().item() for w, n, bag in test]
    print(f"epoch {epoch} loss {running:.4f} test right {sum(hits) / len(hits):.3f}")
