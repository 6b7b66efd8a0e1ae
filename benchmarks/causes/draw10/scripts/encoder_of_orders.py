"""Orders of unlike lengths are packed for an LSTM; the sum of an order's items is the answer."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(119)
torch.set_num_threads(1)


class Encoder(nn.Module):
    def __init__(self, hidden=28):
        super().__init__()
        self.lstm = nn.LSTM(2, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, padded, lengths):
        packed = pack_padded_sequence(padded, lengths, batch_first=True)
        _, (h, _) = self.lstm(packed)
        return self.out(h[-1]).squeeze(1)


def collate(orders):
    lengths = torch.tensor([len(o) for o in orders])
    # pack_padded_sequence wants the lengths in decreasing order
    lengths, index = lengths.sort(descending=True)
    if FIXED:
        orders = [orders[i] for i in index]
    padded = pad_sequence(orders, batch_first=True)
    total = torch.stack([(o[:, 0] * o[:, 1]).sum() for o in orders])
    return padded, lengths, total


def some_orders(n=32):
    sizes = torch.randint(2, 15, (n,)).tolist()
    return [torch.stack([torch.randn(t), torch.rand(t)], 1) for t in sizes]


encoder = Encoder()
optimizer = torch.optim.Adam(encoder.parameters(), lr=6e-3)
losses = []
for step in range(600):
    padded, lengths, total = collate(some_orders())
    loss = nn.functional.mse_loss(encoder(padded, lengths), total)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
    if step % 100 == 99:
        print(f"step {step + 1}: mse {sum(losses[-100:]) / 100:.4f}")
