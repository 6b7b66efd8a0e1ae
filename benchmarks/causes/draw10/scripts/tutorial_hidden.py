"""How deep the brackets are after each sign: a tagger after a well-known lesson."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

FIXED = "--fixed" in sys.argv
torch.manual_seed(10039)
torch.set_num_threads(1)
SIGNS, DEPTHS, HIDDEN = 6, 4, 24


class LSTMTagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.word_embeddings = nn.Embedding(SIGNS, 12)
        self.lstm = nn.LSTM(12, HIDDEN)
        self.hidden2tag = nn.Linear(HIDDEN, DEPTHS)

    def init_hidden(self, n):
        if FIXED:
            return torch.zeros(1, n, HIDDEN), torch.zeros(1, n, HIDDEN)
        return torch.randn(1, n, HIDDEN), torch.randn(1, n, HIDDEN)

    def forward(self, sentence):
        hidden = self.init_hidden(sentence.size(1))
        out, _ = self.lstm(self.word_embeddings(sentence), hidden)
        return F.log_softmax(self.hidden2tag(out), dim=-1)


def brackets(n=32, length=10):
    signs = torch.randint(0, SIGNS, (length, n))
    move = (signs == 0).long() + (signs == 1).long() - (signs == 2).long() - (signs == 3).long()
    depth, depths = torch.zeros(n, dtype=torch.long), []
    for step in move:
        depth = (depth + step) % DEPTHS
        depths.append(depth)
    return signs, torch.stack(depths)


model = LSTMTagger()
optimizer = optim.Adam(model.parameters(), lr=8e-3)
for step in range(600):
    signs, depths = brackets()
    model.zero_grad()
    loss = F.nll_loss(model(signs).flatten(0, 1), depths.flatten())
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        print(step + 1, f"{loss.item():.4f}")
