"""Eight sensors listen to a loom; which of six phases of its work is each moment part of?"""

import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(71)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
PHASES, SENSORS, LENGTH = 6, 8, 24
SOUNDS = torch.randn(PHASES, SENSORS)


def recordings(n):
    """A phase lasts for some moments and another one, drawn anew, comes after it."""
    turns = torch.rand(n, LENGTH) < 0.15
    drawn = torch.randint(PHASES, (n, LENGTH))
    phases = drawn.clone()
    for t in range(1, LENGTH):
        phases[:, t] = torch.where(turns[:, t], drawn[:, t], phases[:, t - 1])
    return SOUNDS[phases] + 1.1 * torch.randn(n, LENGTH, SENSORS), phases


class PhaseTagger(nn.Module):
    def __init__(self, width=32, dropout_p=0.5):
        super().__init__()
        self.dropout_p = dropout_p
        self.enter = nn.Linear(SENSORS, width)
        self.rnn = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.fc1 = nn.Linear(2 * width, width)
        self.fc2 = nn.Linear(width, PHASES)

    def drop(self, x):
        if FIXED:
            return F.dropout(x, p=self.dropout_p, training=self.training)
        return F.dropout(x, p=self.dropout_p)

    def forward(self, sound):
        entered = torch.relu(self.enter(sound))
        out, _ = self.rnn(self.drop(entered))
        hidden = torch.relu(self.fc1(self.drop(out)))
        return self.fc2(self.drop(hidden))


def evaluate(model, loader):
    """Mean loss, share of moments told rightly, share on which two readings agree."""
    model.eval()
    total, right, same, count = 0.0, 0, 0, 0
    with torch.no_grad():
        for sound, phases in loader:
            logits = model(sound)
            total += F.cross_entropy(logits.flatten(0, 1), phases.flatten(), reduction="sum").item()
            first, second = logits.argmax(-1), model(sound).argmax(-1)
            right += (first == phases).sum().item()
            same += (first == second).sum().item()
            count += phases.numel()
    model.train()
    return total / count, right / count, same / count


train_loader = DataLoader(TensorDataset(*recordings(1280)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*recordings(256)), batch_size=128)
tagger = PhaseTagger()
optimizer = torch.optim.Adam(tagger.parameters(), lr=2e-3)
for epoch in range(1, 10):
    running = 0.0
    for sound, phases in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(tagger(sound).flatten(0, 1), phases.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(tagger.parameters(), 5.0)
        optimizer.step()
        running += loss.item()
    val_loss, val_right, val_same = evaluate(tagger, val_loader)
    print(
        f"epoch {epoch} train loss {running / len(train_loader):.3f} val loss {val_loss:.3f} "
        f"right {val_right:.3f}, two readings agree on {val_same:.3f}"
    )
