"""The final states of both directions are joined by a view over them. What comes out as one row are
the forward states of two different sentences."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6118)
torch.set_num_threads(1)


class LSTMEncoder(nn.Module):
    def __init__(self, words, dim, hidden, layers=1):
        super().__init__()
        self.hidden, self.layers = hidden, layers
        self.embed_tokens = nn.Embedding(words, dim)
        self.lstm = nn.LSTM(dim, hidden, layers, bidirectional=True)

    def combine_bidir(self, outs):
        bsz = outs.size(1)
        if FIXED:
            outs = outs.view(self.layers, 2, bsz, self.hidden).transpose(1, 2).contiguous()
        return outs.view(self.layers, bsz, 2 * self.hidden)

    def forward(self, src):
        _, (h, c) = self.lstm(self.embed_tokens(src))
        return self.combine_bidir(h), self.combine_bidir(c)


class LSTMDecoder(nn.Module):
    def __init__(self, words, dim, hidden):
        super().__init__()
        self.embed_tokens = nn.Embedding(words, dim)
        self.lstm = nn.LSTM(dim, hidden)
        self.out = nn.Linear(hidden, words)

    def forward(self, tokens, state):
        return self.out(self.lstm(self.embed_tokens(tokens), state)[0])


encoder, decoder = LSTMEncoder(14, 20, 24), LSTMDecoder(14, 20, 48)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=7e-3)
for update in range(1, 451):
    src = torch.randint(1, 14, (5, 32))
    prev = torch.cat([torch.zeros(1, 32, dtype=torch.long), src[:-1]])
    logits = decoder(prev, encoder(src))
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), src.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if update % 90 == 0:
        right = (logits.argmax(-1) == src).float().mean().item()
        print(f"{update:4d} | loss {loss.item():.3f} | ppl {loss.exp().item():.2f} | {right:.3f}")
