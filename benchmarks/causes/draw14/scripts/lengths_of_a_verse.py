"""How long each syllable of a verse is sung, from its sounds; two GRUs, one train function."""

import sys

import torch
from torch import nn

torch.manual_seed(1440)
torch.set_num_threads(1)
SOUNDS, LENGTH, LR = 16, 14, 0.03


class VerseModel(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.embed = nn.Embedding(SOUNDS, 16)
        self.gru = nn.GRU(16, size, num_layers=2, batch_first=True)
        self.out = nn.Linear(size, 1)

    def forward(self, sounds):
        return self.out(self.gru(self.embed(sounds))[0]).squeeze(-1)


LONG = torch.linspace(-1.0, 1.0, SOUNDS)


def verses(n):
    """A sound has a length of its own, and a long syllable makes the next one shorter."""
    sounds = torch.randint(SOUNDS, (n, LENGTH))
    sung, before = [], torch.zeros(n)
    for t in range(LENGTH):
        before = LONG[sounds[:, t]] - 0.6 * before
        sung.append(before)
    return sounds, torch.stack(sung, dim=1) + 0.05 * torch.randn(n, LENGTH)


criterion = nn.MSELoss()
model = VerseModel()
optimizer = torch.optim.Adagrad(model.parameters(), lr=LR)


def train_step(sounds, sung):
    global optimizer
    if "--fixed" not in sys.argv:
        optimizer = torch.optim.Adagrad(model.parameters(), lr=LR)
    optimizer.zero_grad()
    loss = criterion(model(sounds), sung)
    loss.backward()
    optimizer.step()
    return loss.item()


test_sounds, test_sung = verses(300)
for step in range(401):
    loss = train_step(*verses(32))
    if step % 50 == 0:
        with torch.no_grad():
            error = criterion(model(test_sounds), test_sung).item()
        print(f"step {step} loss {loss:.4f} test {error:.4f} of {test_sung.var():.4f}")
