"""Sentences of several lengths, packed; the last states of both directions make up the vector."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

torch.manual_seed(11110)
torch.set_num_threads(1)


class Sentences(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(30, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, 20, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(40, 4)

    def forward(self, words, lengths):
        packed = pack_padded_sequence(
            self.emb(words), lengths, batch_first=True, enforce_sorted=False
        )
        _, (h_n, _) = self.lstm(packed)
        return self.fc(torch.cat([h_n[-2], h_n[-1]], 1))


model = Sentences()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(1, 401):
    lengths = torch.randint(3, 16, (32,))
    words = torch.randint(10, 30, (32, 15))
    a, b = torch.randint(0, 2, (2, 32))
    words[:, 0] = 1 + a
    words[torch.arange(32), lengths - 1] = 3 + b
    words[torch.arange(15) >= lengths[:, None]] = 0
    loss = nn.functional.cross_entropy(model(words, lengths), 2 * a + b)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 0:
        print(f"step {step} loss {loss.item():.4f}")
