"""Two noisy cuttings of one tune should be told from those of other tunes, with no labels at all."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(163)
torch.set_num_threads(1)
PITCHES, TUNE, CUT = 12, 12, 10


def tunes(n):
    """A tune has a home of its own and wanders about it; steps are from its own few."""
    steps = torch.randint(-3, 4, (n, 3))
    which = torch.randint(0, 3, (n, TUNE))
    walk = steps.gather(1, which).cumsum(1) + torch.randint(0, PITCHES, (n, 1))
    return walk % PITCHES


def cutting(tune):
    """Ten notes in a row from anywhere in the tune, one in twenty heard wrongly."""
    begin = torch.randint(0, TUNE - CUT + 1, (len(tune), 1))
    cut = tune.gather(1, begin + torch.arange(CUT))
    wrong = torch.rand(cut.shape) < 0.05
    return torch.where(wrong, torch.randint(0, PITCHES, cut.shape), cut)


class Ear(nn.Module):
    def __init__(self, size=48, out=24):
        super().__init__()
        self.note = nn.Embedding(PITCHES, 16)
        self.gru = nn.GRU(16, size, batch_first=True, bidirectional=True)
        self.project = nn.Sequential(nn.Linear(2 * size, 48), nn.ReLU(), nn.Linear(48, out))

    def forward(self, notes):
        rows, _ = self.gru(self.note(notes))
        return F.normalize(self.project(rows.mean(1)), dim=1)


def likeness(ear, tune):
    """How alike is each first cutting to each second one? Its own stands on the diagonal."""
    return ear(cutting(tune)) @ ear(cutting(tune)).t() / 0.1


ear = Ear()
optimizer = torch.optim.Adam(ear.parameters(), lr=3e-3)
own = torch.arange(48)
for step in range(1, 321):
    scores = likeness(ear, tunes(48))
    loss = (F.cross_entropy(scores, own) + F.cross_entropy(scores.t(), own)) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            found = (likeness(ear, tunes(48)).argmax(1) == own).float().mean().item()
        print(
            f"step {step} loss {loss.item():.4f} own cutting found {found:.3f} of 1, chance 0.021"
        )
