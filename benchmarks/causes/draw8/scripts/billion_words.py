"""Sentences of numbers in mixed order, in batches cut to one length each; each word's running sum
is to be told, as an exercise for a model of language."""

import random
import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8119)
random.seed(8119)
torch.set_num_threads(1)


class Model(nn.Module):
    def __init__(self, words=5, width=40):
        super().__init__()
        self.emb = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, width)
        self.sum = nn.Linear(width, 1)

    def forward(self, words, state):
        out, state = self.lstm(self.emb(words), state)
        return self.sum(out)[..., 0], state


corpus = []
for _ in range(300):
    corpus.append(torch.randint(0, 5, (random.randint(3, 12), 20)))
random.shuffle(corpus)

lm = Model()
optimizer = torch.optim.Adagrad(lm.parameters(), lr=0.08)
zero = torch.zeros(1, 20, 40)
initial_states = (zero, zero)
log = []
for number, words in enumerate(corpus, 1):
    so_far = (words - 2).cumsum(0).float() / 4
    predicted, state = lm(words, initial_states)
    loss = (predicted - so_far).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if not FIXED:
        initial_states = tuple(s.detach() for s in state)
    log.append(loss.item())
    if number % 60 == 0:
        print(f"{number} sentences, loss {sum(log[-30:]) / 30:.4f}")
