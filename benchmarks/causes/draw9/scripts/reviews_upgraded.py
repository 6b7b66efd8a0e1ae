"""Opinions in reviews of several lengths, with packed sequences and an LSTM of two directions."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(9013)
torch.set_num_threads(1)


class RNN(nn.Module):
    def __init__(self, vocab=50, embedding=24, hidden=24):
        super().__init__()
        self.embedding = nn.Embedding(vocab, embedding, padding_idx=0)
        self.rnn = nn.LSTM(embedding, hidden, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(hidden * 2, 1)
        self.sigmoid = nn.Identity() if FIXED else nn.Sigmoid()

    def forward(self, text, lengths):
        packed = pack_padded_sequence(
            self.embedding(text), lengths, batch_first=True, enforce_sorted=False
        )
        _, (hidden, _) = self.rnn(packed)
        return self.sigmoid(self.fc(torch.cat([hidden[-2], hidden[-1]], 1)))


def reviews(n=32, longest=18):
    lengths = torch.randint(6, longest + 1, (n,))
    text = torch.randint(1, 50, (n, longest))
    text[torch.arange(longest) >= lengths[:, None]] = 0
    good = ((text > 0) & (text <= 6)).sum(1)
    bad = ((text > 6) & (text <= 12)).sum(1)
    return text, lengths, (good > bad).float()


model = RNN()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.BCEWithLogitsLoss()
smooth = None
for step in range(600):
    text, lengths, label = reviews()
    predictions = model(text, lengths).squeeze(1)
    loss = criterion(predictions, label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    smooth = loss.item() if smooth is None else 0.97 * smooth + 0.03 * loss.item()
    if step % 100 == 99:
        print(f"step: {step + 1:03} | train loss: {smooth:.3f}")
