"""Rows are sorted by length to be packed; what comes out is put back before the labels are read."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

torch.manual_seed(1138)
torch.set_num_threads(1)


def sort_pack(x, lengths):
    sorted_lengths, indices = torch.sort(lengths, descending=True)
    packed = pack_padded_sequence(x[indices], sorted_lengths, batch_first=True)
    inv_ix = indices.clone()
    if "--fixed" in sys.argv:
        inv_ix[indices] = torch.arange(len(indices))
    return packed, inv_ix


class Attributes(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(30, 24)
        self.gru = nn.GRU(24, 40, batch_first=True)
        self.fc = nn.Linear(40, 5)

    def forward(self, words, lengths):
        packed, inv_ix = sort_pack(self.embed(words), lengths)
        _, h = self.gru(packed)
        return self.fc(h[-1][inv_ix])


topic_words = torch.randperm(30).view(5, 6)


def batch(n=32):
    y = torch.randint(0, 5, (n,))
    lengths = torch.randint(4, 19, (n,))
    own = topic_words[y].gather(1, torch.randint(0, 6, (n, 18)))
    words = torch.where(torch.rand(n, 18) < 0.45, own, torch.randint(0, 30, (n, 18)))
    return words, lengths, y


net = Attributes()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for i in range(1, 481):
    words, lengths, y = batch()
    out = net(words, lengths)
    loss = nn.functional.cross_entropy(out, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 80 == 0:
        acc = (out.argmax(1) == y).float().mean()
        print(f"iter {i} train_loss = {loss.item():.3f} acc = {acc:.2f}")
