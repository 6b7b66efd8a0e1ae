"""Has this sentence been negated yet? A tag at each word, in sentences drawn in any order."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1121)
torch.set_num_threads(1)
WORDS, NOTS = 40, 4  # the first four words negate

text = torch.randint(NOTS, WORDS, (640, 12))
where = torch.rand(640, 12) < 0.09
text[where] = torch.randint(0, NOTS, (int(where.sum()),))
tags = (text < NOTS).long().cumsum(1).clamp(max=1)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 20)
        self.lstm = nn.LSTM(20, 32, batch_first=True)
        self.tag = nn.Linear(32, 2)

    def forward(self, words, state=None):
        out, state = self.lstm(self.embedding(words), state)
        return self.tag(out), state


model = Tagger()
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
loss_fn = nn.CrossEntropyLoss()
state = None
for epoch in range(20):
    total = 0.0
    for rows in torch.randperm(640).split(32):
        if FIXED:
            state = None
        elif state is not None:
            state = tuple(s.detach() for s in state)
        scores, state = model(text[rows], state)
        loss = loss_fn(scores.flatten(0, 1), tags[rows].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch % 2:
        print(f"epoch {epoch + 1}: {total / 20:.4f}")
