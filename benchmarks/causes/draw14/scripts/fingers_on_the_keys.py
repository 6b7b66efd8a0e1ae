"""For each note of a tune the finger is told which plays it: it depends on the steps around the note."""

import sys

import torch
from torch import nn

torch.manual_seed(14114)
torch.set_num_threads(1)

LENGTH, KEYS, FINGERS = 14, 20, 5


def tunes(n):
    """The hand moves as soon as a note lies outside of the five keys below it."""
    steps = torch.randint(-3, 4, (n, LENGTH))
    key = torch.randint(6, 14, (n,))
    hand = key - torch.randint(0, FINGERS, (n,))
    keys, fingers = [], []
    for t in range(LENGTH):
        key = (key + steps[:, t]).clamp(0, KEYS - 1)
        hand = torch.where(key < hand, key, hand)
        hand = torch.where(key > hand + FINGERS - 1, key - FINGERS + 1, hand)
        keys.append(key)
        fingers.append(key - hand)
    # the first finger is told along with the tune, since it can be chosen freely
    first = nn.functional.one_hot(fingers[0], FINGERS).float()
    return torch.stack(keys), first, torch.stack(fingers)


class Fingering(nn.Module):
    def __init__(self, size=64):
        super().__init__()
        self.embed = nn.Embedding(KEYS, 24)
        self.first = nn.Linear(FINGERS, size)
        self.lstm = nn.LSTM(24, size)
        self.class_head = nn.Linear(size, FINGERS)

    def forward(self, keys, first):
        length, batch = keys.shape
        h0 = torch.tanh(self.first(first))[None]
        states, _ = self.lstm(self.embed(keys), (h0, torch.zeros_like(h0)))
        if "--fixed" in sys.argv:
            states = states.transpose(0, 1)
        else:
            states = states.view(batch, length, -1)
        return self.class_head(states)


model = Fingering()
optimizer = torch.optim.Adamax(model.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.2, total_iters=600)
test_keys, test_first, test_fingers = tunes(300)
for step in range(1, 601):
    keys, first, fingers = tunes(48)
    logits = model(keys, first)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), fingers.T.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 60 == 0:
        with torch.no_grad():
            told = model(test_keys, test_first).argmax(2)
        right = (told == test_fingers.T).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} fingers right {right:.3f}")
