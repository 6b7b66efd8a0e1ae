"""A model of the letters of a small book of fables: three warm restarts of a cosine, then smaller steps at each plateau."""

import random

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, ReduceLROnPlateau

random.seed(16304)
torch.manual_seed(16304)
torch.set_num_threads(1)
BEASTS = ["fox", "crow", "lion", "mouse", "wolf", "lamb", "frog", "hare"]
DEEDS = ["met", "saw", "asked", "feared", "fed", "led"]
PLACES = ["by the well", "in the wood", "on a hill", "at dusk", "near a barn"]
LENGTH, BATCH = 40, 20


def fable():
    first, second = random.sample(BEASTS, 2)
    return f"the {first} {random.choice(DEEDS)} the {second} {random.choice(PLACES)}. "


text = "".join(fable() for _ in range(500))
letters = sorted(set(text))
book = torch.tensor([letters.index(letter) for letter in text])
held, book = book[:2000], book[2000:]


class FableModel(nn.Module):
    def __init__(self, size=64):
        super().__init__()
        self.embed = nn.Embedding(len(letters), 24)
        self.gru = nn.GRU(24, size, batch_first=True)
        self.out = nn.Linear(size, len(letters))

    def forward(self, rows):
        return self.out(self.gru(self.embed(rows))[0])


def loss_of(model, source, starts):
    rows = torch.stack([source[start : start + LENGTH + 1] for start in starts])
    return nn.functional.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())


model = FableModel()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
cosine = CosineAnnealingWarmRestarts(optimizer, T_0=100, eta_min=3e-4)
plateau = None
for step in range(1, 501):
    loss = loss_of(model, book, torch.randint(0, len(book) - LENGTH - 1, (BATCH,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step < 300:
        cosine.step()
    elif plateau is None:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3
        plateau = ReduceLROnPlateau(optimizer, factor=0.5, patience=2)
    if step % 20 == 0:
        with torch.no_grad():
            held_loss = loss_of(model, held, range(0, len(held) - LENGTH - 1, LENGTH)).item()
        if plateau is not None:
            plateau.step(held_loss)
        rate = optimizer.param_groups[0]["lr"]
        print(f"step {step} loss {loss.item():.4f} held out {held_loss:.4f} rate {rate:.1e}")
