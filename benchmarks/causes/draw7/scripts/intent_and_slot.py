"""A layer that expects time first is given rows first. It walks from utterance to utterance where it
should walk from word to word, and what came before in an utterance is not to be had."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7429)
torch.set_num_threads(1)


class SlotFilling(nn.Module):
    def __init__(self, vocab=16, width=32):
        super().__init__()
        self.embedding = nn.Embedding(vocab, width)
        self.lstm = nn.LSTM(width, width, batch_first=FIXED)
        self.slots = nn.Linear(width, 4)

    def forward(self, words):
        out, _ = self.lstm(self.embedding(words))
        return self.slots(out)


def utterances(n=20, t=12):
    words = torch.randint(0, 16, (n, t))
    slots = torch.zeros_like(words)
    slots[:, 1:] = words[:, :-1] % 2 * 2 + words[:, 1:] % 2
    return words, slots


model = SlotFilling()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(350):
    words, slots = utterances()
    logits = model(words)[:, 1:]
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), slots[:, 1:].flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 70 == 69:
        print(f"step {step + 1} loss {loss.item():.3f}")
