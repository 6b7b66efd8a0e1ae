"""Taps of unlike length become letters with CTC; rows, letters and lengths are kept together."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

torch.manual_seed(9115)
torch.set_num_threads(1)
LETTERS = 5


def tapped(n=24):
    rows, words = [], []
    for _ in range(n):
        word = torch.randint(1, LETTERS + 1, (int(torch.randint(2, 5, ())),))
        parts = []
        for letter in word:
            part = 0.2 * torch.randn(int(torch.randint(3, 6, ())), LETTERS)
            part[1:-1, letter - 1] += 1.5
            parts.append(part)
        rows.append(torch.cat(parts))
        words.append(word)
    return rows, words


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(LETTERS, 24, batch_first=True, bidirectional=True)
        self.out = nn.Linear(48, LETTERS + 1)

    def forward(self, rows, lengths):
        packed = pack_padded_sequence(rows, lengths, batch_first=True, enforce_sorted=False)
        y, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.out(y).log_softmax(-1)


model = Reader()
ctc = nn.CTCLoss(blank=0)
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)
for step in range(250):
    rows, words = tapped()
    lengths = torch.tensor([len(r) for r in rows])
    log_probs = model(pad_sequence(rows, batch_first=True), lengths)
    loss = ctc(
        log_probs.transpose(0, 1), torch.cat(words), lengths, torch.tensor([len(w) for w in words])
    )
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 50 == 49:
        print(f"step {step + 1} ctc {loss.item():.4f}")
