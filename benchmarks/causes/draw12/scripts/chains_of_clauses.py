"""A chain of clauses, 'b is not a, c is b, ...': which of the letters are true?"""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1250)
torch.set_num_threads(1)
LETTERS, CLAUSES = 10, 6


def generate_data(n):
    """Each clause says that the next letter agrees with the one before it or denies it."""
    letters = torch.stack([torch.randperm(LETTERS)[:CLAUSES] for _ in range(n)])
    turns = torch.randint(0, 2, (n, CLAUSES))
    values = turns.cumsum(1) % 2
    by_name = letters.argsort(1)
    values_by_name = values.gather(1, by_name)
    inv_order = by_name.argsort(1)
    if "--fixed" in sys.argv:
        labels = values_by_name.gather(1, inv_order)
    else:
        labels = values_by_name[torch.randperm(n)].gather(1, inv_order)
    return letters, turns, labels.float()


class ChainReader(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.letter = nn.Embedding(LETTERS, size)
        self.turn = nn.Embedding(2, size)
        self.gru = nn.GRU(size, 2 * size, batch_first=True)
        self.out = nn.Linear(2 * size, 1)

    def forward(self, letters, turns):
        states, _ = self.gru(self.letter(letters) + self.turn(turns))
        return self.out(states).squeeze(-1)


loader = DataLoader(TensorDataset(*generate_data(600)), batch_size=30, shuffle=True)
letters_test, turns_test, labels_test = generate_data(300)
model = ChainReader()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(1, 37):
    total, hits = 0.0, 0.0
    for letters, turns, labels in loader:
        logits = model(letters, turns)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
        hits += ((logits > 0) == (labels > 0.5)).float().mean().item() / len(loader)
    with torch.no_grad():
        logits = model(letters_test, turns_test)
    acc = ((logits > 0) == (labels_test > 0.5)).float().mean().item()
    if epoch % 4 == 0:
        print(f"epoch {epoch:2d} loss {total:.4f} train acc {hits:.3f} test acc {acc:.3f}")
