"""Which syllables of a verse are stressed, from its sounds; two GRUs, one train function."""

import sys

import torch
from torch import nn

torch.manual_seed(1440)
torch.set_num_threads(1)
SOUNDS, LENGTH, LR = 16, 14, 0.03


class VerseTagger(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.embed = nn.Embedding(SOUNDS, 16)
        self.gru = nn.GRU(16, size, num_layers=2, batch_first=True)
        self.out = nn.Linear(size, 2)

    def forward(self, sounds):
        return self.out(self.gru(self.embed(sounds))[0])


def verses(n):
    """A heavy sound is stressed, unless the syllable before it has been."""
    sounds = torch.randint(SOUNDS, (n, LENGTH))
    before, stress = torch.zeros(n, dtype=torch.bool), []
    for t in range(LENGTH):
        before = (sounds[:, t] >= 6) & ~before
        stress.append(before)
    return sounds, torch.stack(stress, dim=1).long()


criterion = nn.CrossEntropyLoss()
model = VerseTagger()
kept = torch.optim.Adagrad(model.parameters(), lr=LR)


def train_step(sounds, stress):
    if "--fixed" in sys.argv:
        optimizer = kept
    else:
        optimizer = torch.optim.Adagrad(model.parameters(), lr=LR)
    optimizer.zero_grad()
    loss = criterion(model(sounds).flatten(0, 1), stress.flatten())
    loss.backward()
    optimizer.step()
    return loss.item()


test_sounds, test_stress = verses(300)
for step in range(401):
    loss = train_step(*verses(32))
    if step % 50 == 0:
        with torch.no_grad():
            right = (model(test_sounds).argmax(-1) == test_stress).float().mean().item()
        print(f"step {step} loss {loss:.3f} right {right:.3f}")
