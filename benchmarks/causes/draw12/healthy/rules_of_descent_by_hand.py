"""Marks are carried over to their opposites by a reader and a writer, each moved by a rule of its own."""

import torch
from torch import nn

torch.manual_seed(1240)
torch.set_num_threads(1)
MARKS, LENGTH = 12, 5
opposite = torch.randperm(MARKS)


class Rule:
    """Descent with momentum, written out."""

    def __init__(self, part, rate, keep):
        self.weights, self.rate, self.keep = list(part.parameters()), rate, keep
        self.speed = [torch.zeros_like(w) for w in self.weights]

    @torch.no_grad()
    def move(self):
        for w, v in zip(self.weights, self.speed, strict=True):
            v.mul_(self.keep).add_(w.grad)
            w.sub_(self.rate * v)
            w.grad = None


class Reader(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.marks = nn.Embedding(MARKS, size)
        self.gru = nn.GRU(size, size, batch_first=True)

    def forward(self, marks):
        return self.gru(self.marks(marks))


class Writer(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.gru = nn.GRU(size, size, batch_first=True)
        self.out = nn.Linear(2 * size, MARKS)

    def forward(self, memory, state):
        said, _ = self.gru(memory, state)
        return self.out(torch.cat([said, memory], -1))


def lines(n=48):
    marks = torch.randint(0, MARKS, (n, LENGTH))
    return marks, torch.cat(
        [opposite[marks[:, :1]], opposite[(marks[:, 1:] + marks[:, :-1]) % MARKS]], 1
    )


reader, writer = Reader(), Writer()
rules = [Rule(reader, rate=0.2, keep=0.9), Rule(writer, rate=0.1, keep=0.9)]
everything = [*reader.parameters(), *writer.parameters()]
for step in range(1, 901):
    marks, wanted = lines()
    loss = nn.functional.cross_entropy(writer(*reader(marks)).mT, wanted)
    loss.backward()
    nn.utils.clip_grad_norm_(everything, 1.0)
    for rule in rules:
        rule.move()
    if step % 150 == 0:
        marks, wanted = lines(300)
        with torch.no_grad():
            right = (writer(*reader(marks)).argmax(-1) == wanted).float().mean()
        print(f"step {step} loss {loss.item():.4f} marks right {right:.3f}")
