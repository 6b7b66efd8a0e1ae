"""The headings of theses are sorted into five faculties; the rate follows from the kind of model."""

import sys

import torch
from torch import nn

torch.manual_seed(1352)
torch.set_num_threads(1)
WORDS, FACULTIES = 100, 5


class Headings(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.words = nn.Embedding(WORDS, 24)
        self.gru = nn.GRU(24, size, batch_first=True)
        self.faculty = nn.Linear(size, FACULTIES)

    def forward(self, heading):
        out, _ = self.gru(self.words(heading))
        return self.faculty(out.max(1).values)


def default_learning_rate(transformer_name=None):
    if transformer_name is not None:
        return 2e-5
    return 3e-3 if "--fixed" in sys.argv else 2e-6


def headings(n, length=8):
    faculty = torch.randint(0, FACULTIES, (n,))
    words = torch.randint(50, WORDS, (n, length))
    at = torch.rand(n, length).argsort(1)[:, :3]
    own = 10 * faculty[:, None] + torch.randint(0, 10, (n, 3))
    return words.scatter(1, at, own), faculty


model = Headings()
optimizer = torch.optim.Adam(model.parameters(), lr=default_learning_rate())
heading_val, faculty_val = headings(500)
for step in range(1, 501):
    heading, faculty = headings(48)
    loss = nn.functional.cross_entropy(model(heading), faculty)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            acc = (model(heading_val).argmax(1) == faculty_val).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} val acc {acc:.3f}")
