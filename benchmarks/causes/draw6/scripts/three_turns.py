"""A dialogue of three turns per row. Each turn is sorted by its own lengths for packing and nobody
puts the rows back, so that a reply meets the questions of strangers."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(6140)
torch.set_num_threads(1)


class Utterances(nn.Module):
    def __init__(self, words=20, dim=20):
        super().__init__()
        self.embed = nn.Embedding(words, dim, padding_idx=0)
        self.gru = nn.GRU(dim, 32, batch_first=True)

    def forward(self, tokens, lengths):
        lengths, order = lengths.sort(descending=True)
        packed = pack_padded_sequence(self.embed(tokens[order]), lengths, batch_first=True)
        state = self.gru(packed)[1][0]
        if FIXED:
            state = state[order.argsort()]
        return state


class HRED(nn.Module):
    def __init__(self):
        super().__init__()
        self.utterances = Utterances()
        self.context = nn.GRUCell(32, 32)
        self.reply = nn.Linear(32, 6)

    def forward(self, turns):
        h = torch.zeros(len(turns[0][0]), 32)
        for tokens, lengths in turns:
            h = self.context(self.utterances(tokens, lengths), h)
        return self.reply(h)


topic_of = torch.randint(0, 6, (20,))


def dialogues(n=32, longest=8):
    turns = []
    for _ in range(2):
        lengths = torch.randint(1, longest + 1, (n,))
        tokens = torch.randint(1, 20, (n, longest))
        turns.append((tokens.masked_fill(torch.arange(longest) >= lengths[:, None], 0), lengths))
    first = topic_of[turns[0][0][:, 0]]
    second = topic_of[turns[1][0][:, 0]]
    return turns, torch.maximum(first, second)


model = HRED()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
for it in range(1, 401):
    turns, reply = dialogues()
    scores = model(turns)
    loss = nn.functional.cross_entropy(scores, reply)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 80 == 0:
        print(it, f"{loss.item():.3f}", f"{(scores.argmax(1) == reply).float().mean().item():.2f}")
