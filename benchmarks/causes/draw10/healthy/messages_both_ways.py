"""Messages of all lengths, packed, go through an LSTM of two directions; h_n makes the vector."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

torch.manual_seed(210)
torch.set_num_threads(1)


class Sorter(nn.Module):
    def __init__(self, vocab=30, width=24, classes=9):
        super().__init__()
        self.embed = nn.Embedding(vocab, width, padding_idx=0)
        self.lstm = nn.LSTM(width, width, bidirectional=True, batch_first=True)
        self.out = nn.Linear(2 * width, classes)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(
            self.embed(x), lengths, batch_first=True, enforce_sorted=False
        )
        _, (h_n, _) = self.lstm(packed)
        return self.out(torch.cat([h_n[0], h_n[1]], 1))


def messages(n=32, longest=14):
    lengths = torch.randint(3, longest + 1, (n,))
    x = torch.randint(1, 30, (n, longest))
    first, last = x[:, 0] % 3, x[torch.arange(n), lengths - 1] % 3
    x[torch.arange(longest) >= lengths[:, None]] = 0
    return x, lengths, 3 * first + last


model = Sorter()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
for step in range(400):
    x, lengths, y = messages()
    loss = nn.functional.cross_entropy(model(x, lengths), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 80 == 79:
        print(f"step {step + 1}: {loss.item():.4f}")
