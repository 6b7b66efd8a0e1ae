"""A summary in one word: which of the five names is mentioned first in the story?"""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(122)
torch.set_num_threads(1)
NAMES, WORDS, BATCH, HIDDEN = 5, 30, 25, 36


class EncoderRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 20)
        self.gru = nn.GRU(20, HIDDEN, batch_first=True)
        self.hidden = self.init_hidden()

    def init_hidden(self):
        return torch.zeros(1, BATCH, HIDDEN)

    def forward(self, story):
        output, hidden = self.gru(self.embedding(story), self.hidden)
        self.hidden = hidden.detach()
        return output


class Summarizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = EncoderRNN()
        self.word = nn.Linear(HIDDEN, NAMES)

    def forward(self, story):
        return self.word(self.encoder(story)[:, -1])


def stories():
    t = int(torch.randint(7, 13, ()))
    story = torch.randint(NAMES, WORDS, (BATCH, t))
    spots = torch.rand(BATCH, t).argsort(1)[:, :3].sort(1).values
    named = torch.randint(0, NAMES, (BATCH, 3))
    first = named[:, 0].clone()
    other = torch.rand(BATCH, 3) < torch.tensor([0.0, 0.5, 0.5])
    named[other] = torch.randint(NAMES, WORDS, (int(other.sum()),))
    return story.scatter(1, spots, named), first


net = Summarizer()
opt = torch.optim.Adam(net.parameters(), lr=6e-3)
for batch in range(700):
    if FIXED:
        net.encoder.hidden = net.encoder.init_hidden()
    story, first = stories()
    opt.zero_grad()
    loss = nn.functional.cross_entropy(net(story), first)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    if batch % 100 == 99:
        print(f"batch {batch + 1}: loss {loss.item():.4f}")
