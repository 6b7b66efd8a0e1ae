"""Sentences of unlike length are packed, read in two directions and averaged over their words."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(8118)
torch.set_num_threads(1)


class SentenceEncoder(nn.Module):
    def __init__(self, inputs=3, width=24):
        super().__init__()
        self.lstm = nn.LSTM(inputs, width, batch_first=True, bidirectional=True)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        if FIXED:
            return out.sum(1) / lengths[:, None]
        return out.mean(1)


def sentences(n=32):
    longest = int(torch.randint(20, 60, ()))
    lengths = torch.randint(2, 8, (n,))
    lengths[0] = longest
    x = torch.randn(n, longest, 3) + torch.randn(n, 1, 3)
    inside = (torch.arange(longest) < lengths[:, None]).float()
    x = x * inside[..., None]
    return x, lengths, x[..., 0].sum(1) / lengths


encoder, head = SentenceEncoder(), nn.Linear(48, 1)
opt = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=4e-3)
for step in range(260):
    x, lengths, mean = sentences()
    loss = nn.functional.mse_loss(head(encoder(x, lengths))[:, 0], mean)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 52 == 51:
        print(f"step {step + 1}: {loss.item():.4f}")
