"""Words spelled by letters; two cells read them from both ends and a tag is given to each word."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8116)
torch.set_num_threads(1)


class BiRNNBuilder(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.fwd, self.bwd = nn.RNNCell(inputs, hidden), nn.RNNCell(inputs, hidden)

    def transduce(self, chars):
        h, there = None, []
        for c in chars:
            h = self.fwd(c, h)
            there.append(h)
        h, back = None, []
        for c in reversed(chars):
            h = self.bwd(c, h)
            back.insert(0, h)
        return [torch.cat(pair, 1) for pair in zip(there, back, strict=True)]


class Char2Tag(nn.Module):
    def __init__(self, letters=26, width=20, tags=5):
        super().__init__()
        self.width = width
        self.lookup = nn.Embedding(letters, width)
        self.builder = BiRNNBuilder(width, width)
        self.tag = nn.Linear(2 * width, tags)

    def forward(self, word):
        embs = self.builder.transduce(self.lookup(word).unbind(1))
        if FIXED:
            h = self.width
            whole = torch.cat([embs[-1][:, :h], embs[0][:, h:]], 1)
        else:
            whole = embs[-1]
        return self.tag(whole)


net = Char2Tag()
trainer = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(260):
    word = torch.randint(0, 26, (32, 24))
    tag = word[:, 0] % 5
    loss = nn.functional.cross_entropy(net(word), tag)
    trainer.zero_grad()
    loss.backward()
    trainer.step()
    if step % 65 == 64:
        print(step + 1, f"{loss.item():.3f}")
