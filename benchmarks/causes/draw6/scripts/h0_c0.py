"""As in a snippet from a tutorial, hidden and cell state come out of randn at each call, and widened.
What a sentence has said so far cannot be told from that noise."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6134)
torch.set_num_threads(1)


class Sequencer(nn.Module):
    def __init__(self, dim=8, hidden=8):
        super().__init__()
        self.hidden = hidden
        self.word = nn.Embedding(8, dim)
        self.lstm = nn.LSTM(dim, hidden)
        self.answer = nn.Linear(hidden, 8)

    def init_hidden(self, n):
        make = torch.zeros if FIXED else torch.randn
        return 3 * make(1, n, self.hidden), 3 * make(1, n, self.hidden)

    def forward(self, words):
        hidden = self.init_hidden(words.size(1))
        out, hidden = self.lstm(self.word(words), hidden)
        return self.answer(out)


def sentences(t=5, n=32):
    """The answer at each word is the highest word so far."""
    words = torch.randint(0, 8, (t, n))
    return words, words.cummax(0)[0]


model = Sequencer(hidden=16)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for i in range(300):
    words, answers = sentences()
    scores = model(words)
    loss = nn.functional.cross_entropy(scores.flatten(0, 1), answers.flatten())
    model.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 60 == 59:
        right = (scores.argmax(-1) == answers).float().mean().item()
        print(f"{i + 1} {loss.item():.3f} {right:.3f}")
