"""Rows are packed with the lengths put in order while the rows themselves stay as they were. Long rows
are cut short, short ones are read into their filler."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(6130)
torch.set_num_threads(1)


class BiTagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.lstm = nn.LSTM(16, 24, bidirectional=True, batch_first=True)
        self.out = nn.Linear(48, 6)

    def forward(self, tokens, lengths):
        vectors = self.embed(tokens)
        if FIXED:
            packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        else:
            lengths = sorted(lengths.tolist(), reverse=True)
            packed = pack_padded_sequence(vectors, lengths, batch_first=True)
        _, (h, _) = self.lstm(packed)
        return self.out(torch.cat([h[0], h[1]], 1))


meaning = torch.randint(0, 6, (19,))


def rows(n=32, longest=20):
    lengths = torch.randint(2, longest + 1, (n,))
    tokens = torch.randint(1, 20, (n, longest))
    answer = meaning[tokens[torch.arange(n), lengths - 1] - 1]
    return tokens.masked_fill(torch.arange(longest) >= lengths[:, None], 0), lengths, answer


model = BiTagger()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
total = []
for batch in range(300):
    tokens, lengths, answer = rows()
    logits = model(tokens, lengths)
    loss = nn.functional.cross_entropy(logits, answer)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    total.append((logits.argmax(1) == answer).float().mean().item())
    if batch % 60 == 59:
        print(f"batch {batch + 1}: loss {loss.item():.3f}, right {sum(total[-50:]) / 50:.3f}")
