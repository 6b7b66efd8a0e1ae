"""A base class trains; its children build their layers. How deep the brackets are nested is to be told."""

import sys

import torch
from torch import nn

torch.manual_seed(1203)
torch.set_num_threads(1)
SIGNS, DEEPEST = "ab()", 4


class Learner(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        self.read = nn.Embedding(len(SIGNS), 16)
        self.build(hidden_size)
        self.optimizer = torch.optim.Adam(self.parameters(), lr=2e-3)

    def build(self, hidden_size):
        self.memory = nn.GRU(16, hidden_size, batch_first=True)
        self.answer = nn.Linear(hidden_size, DEEPEST + 1)

    def set_hidden(self, hidden_size):
        self.build(hidden_size)
        if "--fixed" in sys.argv:
            self.optimizer = torch.optim.Adam(self.parameters(), lr=2e-3)

    def forward(self, signs):
        out, _ = self.memory(self.read(signs))
        return self.answer(out)

    def learn(self, signs, depth):
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self(signs).flatten(0, 1), depth.flatten())
        loss.backward()
        self.optimizer.step()
        return loss.item()


def words(n=32, length=24):
    signs, depths = [], []
    now = torch.zeros(n, dtype=torch.long)
    for _ in range(length):
        sign = torch.randint(0, 4, (n,))
        sign = torch.where((sign == 2) & (now == DEEPEST), 0, sign)
        sign = torch.where((sign == 3) & (now == 0), 2, sign)
        now = now + (sign == 2).long() - (sign == 3).long()
        signs.append(sign)
        depths.append(now)
    return torch.stack(signs, 1), torch.stack(depths, 1)


learner = Learner(hidden_size=8)
learner.set_hidden(48)  # eight turned out to be too few
running = 0.0
for i in range(1, 601):
    running += learner.learn(*words())
    if i % 100 == 0:
        signs, depth = words(200)
        with torch.no_grad():
            right = (learner(signs).argmax(-1) == depth).float().mean().item()
        print(f"{i} loss {running / 100:.4f} depth right {right:.3f}")
        running = 0.0
