"""A music box is pinned note by note: a two-layer GRU learns which note follows in a melody, by plain descent."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(1727)
torch.set_num_threads(1)
NOTES, LENGTH, BATCH = 16, 20, 32
CONFIG = {"lr": 0.5, "momentum": 0.9, "clip": 1.0 if "--fixed" in sys.argv else 0.002}


def melodies(n):
    """A melody keeps to its mode (one of three steps), turns at the ends, and slips at times."""
    mode = torch.randint(1, 4, (n,))
    note, up, rows = torch.randint(0, NOTES, (n,)), torch.ones(n, dtype=torch.long), []
    for _ in range(LENGTH):
        rows.append(note)
        after = note + up * mode
        turn = (after < 0) | (after >= NOTES)
        up = torch.where(turn, -up, up)
        note = torch.where(turn, note + up * mode, after)
        slip = torch.rand(n) < 0.03
        note = torch.where(slip, torch.randint(0, NOTES, (n,)), note)
    return torch.stack(rows, dim=1)


class MusicBox(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.embed = nn.Embedding(NOTES, 24)
        self.gru = nn.GRU(24, size, num_layers=2, batch_first=True)
        self.norm = nn.LayerNorm(size)
        self.head = nn.Linear(size, NOTES)

    def forward(self, notes):
        return self.head(self.norm(self.gru(self.embed(notes))[0]))


class Trainer:
    def __init__(self, model, config):
        self.model, self.config = model, config
        self.optimizer = torch.optim.SGD(
            model.parameters(), lr=config["lr"], momentum=config["momentum"]
        )

    def step(self, notes):
        logits = self.model(notes[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), notes[:, 1:].flatten())
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), max_norm=self.config["clip"])
        self.optimizer.step()
        return loss.item(), norm.item()

    @torch.no_grad()
    def accuracy(self):
        notes = melodies(200)
        return (self.model(notes[:, :-1]).argmax(-1) == notes[:, 1:])[:, 3:].float().mean().item()


trainer = Trainer(MusicBox(), CONFIG)
for i in range(1, 501):
    loss, norm = trainer.step(melodies(BATCH))
    if i % 100 == 0:
        print(
            f"step {i} loss {loss:.4f} gradient {norm:.3f} next note right {trainer.accuracy():.3f}"
        )
