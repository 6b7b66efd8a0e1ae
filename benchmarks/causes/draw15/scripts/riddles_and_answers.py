"""Riddles of twelve words and which of four animals is meant; few riddles, and some wrongly answered."""

import sys

import torch
from torch import nn

torch.manual_seed(1514)
torch.set_num_threads(1)
WORDS, ANIMALS, LENGTH = 60, 4, 12


def riddles(n, wrong=0.0):
    """Each animal has nine words of its own; four of the twelve words are of them."""
    animal = torch.randint(0, ANIMALS, (n,))
    words = torch.randint(0, WORDS, (n, LENGTH))
    own = animal.unsqueeze(1) * 9 + torch.randint(0, 9, (n, 4))
    words.scatter_(1, torch.rand(n, LENGTH).argsort(1)[:, :4], own)
    asked = torch.where(torch.rand(n) < wrong, torch.randint(0, ANIMALS, (n,)), animal)
    return words, asked


class RiddleModel(nn.Module):
    def __init__(self, size=64):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 32)
        self.drop = nn.Dropout(0.5)
        self.gru = nn.GRU(32, size, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(2 * size, 48), nn.ReLU(), nn.Dropout(0.5))
        self.out = nn.Linear(48, ANIMALS)

    def forward(self, words):
        states, _ = self.gru(self.drop(self.embed(words)))
        return self.out(self.head(self.drop(states.mean(1))))


def set_mode(mode, models):
    for model in models:
        model.train(mode == "train")


def check_accuracy(model, words, animal):
    set_mode("eval", [model])
    with torch.no_grad():
        scores = model(words)
        loss = nn.functional.cross_entropy(scores, animal).item()
        right = (scores.argmax(1) == animal).float().mean().item()
    if "--fixed" in sys.argv:
        set_mode("train", [model])
    return loss, right


train_words, train_animal = riddles(240, wrong=0.2)
val_words, val_animal = riddles(600)
model = RiddleModel()
optimizer = torch.optim.Adam(model.parameters(), lr=1.5e-3)
set_mode("train", [model])
for step in range(1, 401):
    pick = torch.randint(0, len(train_words), (32,))
    loss = nn.functional.cross_entropy(model(train_words[pick]), train_animal[pick])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        val_loss, val_right = check_accuracy(model, val_words, val_animal)
        print(f"step {step} loss {loss.item():.4f}", end=" ")
        print(f"val loss {val_loss:.4f} val right {val_right:.3f}")
