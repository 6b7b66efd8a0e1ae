"""Visits of patients, few or many, packed; the last three readings say how they are."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(1119)
torch.set_num_threads(1)


def patients(n=24):
    histories, states = [], []
    for _ in range(n):
        visits = torch.randn(int(torch.randint(3, 31, ())), 2)
        histories.append(visits)
        states.append(visits[-3:, 0].sum() - visits[-1, 1])
    return histories, torch.stack(states)


def collate(histories):
    batch = pad_sequence(histories, batch_first=True)
    if FIXED:
        lengths = torch.tensor([len(h) for h in histories])
    else:
        lengths = torch.tensor([len(h) for h in batch])
    return pack_padded_sequence(batch, lengths, batch_first=True, enforce_sorted=False)


class Health(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(2, 32, batch_first=True)
        self.norm = nn.LayerNorm(32)
        self.head = nn.Linear(32, 1)

    def forward(self, packed):
        _, h_n = self.rnn(packed)
        return self.head(self.norm(h_n[-1])).squeeze(-1)


model = Health()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
total = 0.0
for step in range(1, 401):
    histories, states = patients()
    loss = nn.functional.mse_loss(model(collate(histories)), states)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    total += loss.item()
    if step % 50 == 0:
        print(f"step {step} mse {total / 50:.4f}")
        total = 0.0
