"""Torn letters: do an upper and a lower half, each of its own length, come from one hand?"""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(53)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
HANDS, SIGNS, LONGEST = 5, 26, 14


class TornLetters(Dataset):
    """Each hand has signs that it likes; two halves are of one hand in every second letter."""

    def __init__(self, n):
        likes = torch.full((HANDS, SIGNS - 1), 0.3)
        for hand in range(HANDS):
            likes[hand, 5 * hand : 5 * hand + 5] = 4.0
        self.rows = []
        for i in range(n):
            upper_hand = int(torch.randint(HANDS, ()))
            other = (upper_hand + int(torch.randint(1, HANDS, ()))) % HANDS
            lower_hand = upper_hand if i % 2 else other
            upper, lower = self.half(likes[upper_hand]), self.half(likes[lower_hand])
            self.rows.append((upper, lower, float(upper_hand == lower_hand)))

    @staticmethod
    def half(likes):
        length = int(torch.randint(5, LONGEST + 1, ()))
        return 1 + torch.multinomial(likes, length, replacement=True)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def collate(rows):
    uppers, lowers, same = zip(*rows, strict=True)
    return (
        pad_sequence(uppers, batch_first=True),
        torch.tensor([len(u) for u in uppers]),
        pad_sequence(lowers, batch_first=True),
        torch.tensor([len(w) for w in lowers]),
        torch.tensor(same),
    )


class HalfEncoder(nn.Module):
    def __init__(self, embed=16, hidden=24):
        super().__init__()
        self.embed = nn.Embedding(SIGNS, embed, padding_idx=0)
        self.lstm = nn.LSTM(embed, hidden, batch_first=True, bidirectional=True)

    def forward(self, signs, lengths):
        lengths, order = lengths.sort(descending=True)
        packed = pack_padded_sequence(self.embed(signs[order]), lengths, batch_first=True)
        _, (hidden, _) = self.lstm(packed)
        encoded = torch.cat([hidden[0], hidden[1]], dim=1)
        if FIXED:
            encoded = encoded[order.argsort()]
        return encoded


class HandMatcher(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.encoder = HalfEncoder(hidden=hidden)
        self.judge = nn.Sequential(nn.Linear(4 * hidden, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, upper, upper_lengths, lower, lower_lengths):
        a, b = self.encoder(upper, upper_lengths), self.encoder(lower, lower_lengths)
        return self.judge(torch.cat([(a - b).abs(), a * b], dim=1)).squeeze(1)


class Trainer:
    def __init__(self, model, lr=3e-3):
        self.model = model
        self.criterion = nn.BCEWithLogitsLoss()
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)

    def fit(self, train, val, epochs):
        for epoch in range(1, epochs + 1):
            total = 0.0
            for *halves, same in train:
                self.optimizer.zero_grad()
                loss = self.criterion(self.model(*halves), same)
                loss.backward()
                self.optimizer.step()
                total += loss.item()
            print(f"epoch {epoch} loss {total / len(train):.3f} right {self.score(val):.3f}")

    @torch.no_grad()
    def score(self, loader):
        right = [((self.model(*halves) > 0) == (same > 0.5)).float() for *halves, same in loader]
        return torch.cat(right).mean().item()


train_loader = DataLoader(TornLetters(3840), batch_size=32, shuffle=True, collate_fn=collate)
val_loader = DataLoader(TornLetters(320), batch_size=32, collate_fn=collate)
Trainer(HandMatcher()).fit(train_loader, val_loader, epochs=3)
