"""Gradients of four small batches are added up before each step, and limited once, after the last."""

import torch
from torch import nn

torch.manual_seed(6215)
torch.set_num_threads(1)

PARTS = 4


class Melody(nn.Module):
    def __init__(self):
        super().__init__()
        self.note = nn.Embedding(12, 24)
        self.rnn = nn.GRU(24, 40, num_layers=2, batch_first=True, dropout=0.1)
        self.next = nn.Linear(40, 12)

    def forward(self, notes):
        return self.next(self.rnn(self.note(notes))[0])


def tunes(n=8, t=14):
    step = torch.randint(1, 5, (n, 1))
    notes = (torch.randint(0, 12, (n, 1)) + step * torch.arange(t + 1)) % 12
    wrong = torch.rand(n, t + 1) < 0.05
    return torch.where(wrong, torch.randint(0, 12, (n, t + 1)), notes)


model = Melody()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(150):
    opt.zero_grad()
    total = 0.0
    for _ in range(PARTS):
        notes = tunes()
        scores = model(notes[:, :-1])
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), notes[:, 1:].flatten()) / PARTS
        loss.backward()
        total += loss.item()
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    opt.step()
    if step % 30 == 29:
        print(f"step {step + 1} loss {total:.3f}")
