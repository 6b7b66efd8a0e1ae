"""A counting rhyme, letter by letter: lines are put together from a few words in a few patterns."""

import sys

import torch
from torch import nn

torch.manual_seed(1427)
torch.set_num_threads(1)
WHO = ["hen", "owl", "fox", "mole", "crow"]
DOES = ["hops", "sings", "naps", "digs"]
WHERE = ["in the barn", "on the hill", "by the well", "under the oak"]
LETTERS = sorted(set("".join([*WHO, *DOES, *WHERE]) + " .1234"))
index = {letter: k for k, letter in enumerate(LETTERS)}


def pick(words):
    return words[int(torch.randint(len(words), (1,)))]


def rhyme(lines):
    """The number of a line goes round from 1 to 4."""
    text = [f"{k % 4 + 1} {pick(WHO)} {pick(DOES)} {pick(WHERE)}." for k in range(lines)]
    return torch.tensor([index[letter] for letter in "".join(text)])


class Rhymer(nn.Module):
    def __init__(self, size=64):
        super().__init__()
        self.embed = nn.Embedding(len(LETTERS), 24)
        self.lstm = nn.LSTM(24, size, batch_first=True)
        self.next = nn.Linear(size, len(LETTERS))

    def forward(self, letters):
        return self.next(self.lstm(self.embed(letters))[0])


def pieces(text, n=24, length=32):
    start = torch.randint(0, len(text) - length - 1, (n, 1))
    piece = text[start + torch.arange(length + 1)]
    return piece[:, :-1], piece[:, 1:]


text, other = rhyme(900), rhyme(100)
max_norm = 1.0 if "--fixed" in sys.argv else 0.005
model = Rhymer()
optimizer = torch.optim.SGD(model.parameters(), lr=0.4, momentum=0.9)
for step in range(1, 401):
    letters, following = pieces(text)
    loss = nn.functional.cross_entropy(model(letters).flatten(0, 1), following.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            letters, following = pieces(other, 100)
            right = (model(letters).argmax(-1) == following).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} letters right {right:.3f}")
