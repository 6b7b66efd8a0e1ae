"""Words of uneven length are packed, and the final states of both ways tell their kind."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1238)
torch.set_num_threads(1)
LETTERS, KINDS = 20, 4


class Words(Dataset):
    """The kind follows from the first and the last letter."""

    def __init__(self, n):
        self.rows = [
            torch.randint(1, LETTERS, (int(torch.randint(3, 16, (1,))),)) for _ in range(n)
        ]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        row = self.rows[i]
        return row, 2 * int(row[0] > 10) + int(row[-1] > 10)


def together(rows):
    words = pad_sequence([word for word, _ in rows], batch_first=True)
    lengths = torch.tensor([len(word) for word, _ in rows])
    return words, lengths, torch.tensor([kind for _, kind in rows])


class KindOfWord(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.letters = nn.Embedding(LETTERS, 24, padding_idx=0)
        self.lstm = nn.LSTM(24, size, batch_first=True, bidirectional=True)
        self.kind = nn.Linear(2 * size, KINDS)

    def forward(self, words, lengths):
        rows = pack_padded_sequence(
            self.letters(words), lengths, batch_first=True, enforce_sorted=False
        )
        _, (h_n, _) = self.lstm(rows)
        return self.kind(torch.cat([h_n[-2], h_n[-1]], 1))


loader = DataLoader(Words(1600), batch_size=32, shuffle=True, collate_fn=together)
held_out = Words(300)
held = together([held_out[i] for i in range(len(held_out))])
model = KindOfWord()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(1, 9):
    for words, lengths, kind in loader:
        loss = nn.functional.cross_entropy(model(words, lengths), kind)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (model(*held[:2]).argmax(1) == held[2]).float().mean()
    print(f"epoch {epoch} loss {loss.item():.4f} kinds right {right:.3f}")
