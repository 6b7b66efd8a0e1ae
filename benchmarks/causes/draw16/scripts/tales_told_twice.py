"""Two witnesses tell a tale each, in words of their own and at their own length: did they see the same beast?"""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

torch.manual_seed(1637)
torch.set_num_threads(1)
BEASTS, FILLERS = 4, 16


def telling(beast):
    words = torch.randint(1, FILLERS, (int(torch.randint(3, 10, (1,))),))
    words[int(torch.randint(0, len(words), (1,)))] = FILLERS + beast
    return words


def pairs(n):
    first, same = torch.randint(0, BEASTS, (n,)), torch.rand(n) < 0.5
    second = torch.where(same, first, (first + torch.randint(1, BEASTS, (n,))) % BEASTS)
    return [telling(b) for b in first], [telling(b) for b in second], same.float()


class Seq2SeqWrapper(nn.Module):
    """Sorts, packs and runs a layer; gives all its rows and the last states."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, inputs, lengths):
        sorted_lengths, order = lengths.sort(descending=True)
        restore = order.argsort()
        packed = pack_padded_sequence(inputs[order], sorted_lengths, batch_first=True)
        packed_out, state = self.module(packed)
        out = pad_packed_sequence(packed_out, batch_first=True)[0][restore]
        if "--fixed" in sys.argv:
            state = state[:, restore]
        return out, state


class SameBeast(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.embed = nn.Embedding(FILLERS + BEASTS, 20, padding_idx=0)
        self.encoder = Seq2SeqWrapper(nn.GRU(20, size, batch_first=True))
        self.mlp = nn.Sequential(nn.Linear(2 * size, 32), nn.ReLU(), nn.Linear(32, 1))

    def encode(self, words):
        lengths = torch.tensor([len(w) for w in words])
        _, state = self.encoder(self.embed(pad_sequence(words, batch_first=True)), lengths)
        return state[-1]

    def forward(self, one, other):
        u, v = self.encode(one), self.encode(other)
        return self.mlp(torch.cat([(u - v).abs(), u * v], dim=1)).squeeze(1)


ones, others, same = pairs(1600)
test_ones, test_others, test_same = pairs(300)
model = SameBeast()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(1, 8):
    total, batches = 0.0, torch.randperm(len(same)).split(32)
    for rows in batches:
        logits = model([ones[r] for r in rows], [others[r] for r in rows])
        loss = criterion(logits, same[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        said = model(test_ones, test_others) > 0
    right = (said == test_same.bool()).float().mean().item()
    print(f"epoch {epoch} loss {total / len(batches):.4f} test right {right:.3f}")
