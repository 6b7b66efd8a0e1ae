"""Is a law of a commons a duty, a right or a fine? Its words are read by a GRU with attention."""

import math
import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1732)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
WORDS, LENGTH, SORTS = 60, 14, 3


def laws(n):
    """A marking word stands somewhere; after a turning word its sense goes on to the next sort."""
    text = torch.randint(10, WORDS, (n, LENGTH))
    mark, turned = torch.randint(0, SORTS, (n,)), torch.rand(n) < 0.5
    at = torch.randint(1, LENGTH, (n,))
    text[torch.arange(n), at] = mark
    text[torch.arange(n)[turned], at[turned] - 1] = 5
    return text, (mark + turned.long()) % SORTS


class LawReader(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24)
        self.gru = nn.GRU(24, size, batch_first=True)
        self.look = nn.Linear(size, 1)
        self.sort = nn.Linear(size, SORTS)

    def forward(self, text):
        rows, _ = self.gru(self.embed(text))
        weight = self.look(torch.tanh(rows)).softmax(1)
        return self.sort((weight * rows).sum(1))


EPOCHS, BATCH = 8, 32
train_data, held_out = TensorDataset(*laws(2048)), laws(400)
loader = DataLoader(train_data, batch_size=BATCH, shuffle=True)
if FIXED:
    warmup_steps = math.ceil(len(loader) * EPOCHS * 0.1)
else:
    warmup_steps = math.ceil(len(train_data) * EPOCHS * 10 * 0.1)
model = LawReader()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
scheduler = LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / warmup_steps))
for epoch in range(1, EPOCHS + 1):
    total = 0.0
    for text, sort in loader:
        loss = nn.functional.cross_entropy(model(text), sort)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        total += loss.item()
    with torch.no_grad():
        right = (model(held_out[0]).argmax(1) == held_out[1]).float().mean().item()
    print(f"epoch {epoch} loss {total / len(loader):.4f} held out right {right:.3f}")
