"""Short notes of a ward in six kinds; there are few of them, with slips in words and in kinds."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1428)
torch.set_num_threads(1)
KINDS, WORDS, LENGTH = 6, 300, 14


def notes(n):
    """A third of the words belong to the kind; the rest could stand in any note."""
    kind = torch.randint(0, KINDS, (n,))
    words = torch.randint(0, WORDS, (n, LENGTH))
    own = kind[:, None] * 15 + torch.randint(0, 15, (n, LENGTH))
    return TensorDataset(torch.where(torch.rand(n, LENGTH) < 0.3, own, words), kind)


class NoteModel(nn.Module):
    def __init__(self, size=64):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 48)
        self.drop = nn.Dropout(0.5)
        self.gru = nn.GRU(48, size, batch_first=True)
        self.kind = nn.Linear(size, KINDS)

    def forward(self, words):
        out, _ = self.gru(self.drop(self.embed(words)))
        return self.kind(self.drop(out.mean(1)))


def validate(model, loader, criterion):
    model.eval()
    loss, right = 0.0, 0.0
    with torch.no_grad():
        for words, kind in loader:
            scores = model(words)
            loss += criterion(scores, kind).item() / len(loader)
            right += (scores.argmax(1) == kind).float().mean().item() / len(loader)
    return loss, right


train = DataLoader(notes(480), batch_size=24, shuffle=True)
valid = DataLoader(notes(600), batch_size=100)
model = NoteModel()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
step = 0
model.train()
for epoch in range(1, 19):
    for words, kind in train:
        loss = criterion(model(words), kind)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 30 == 0:
            valid_loss, right = validate(model, valid, criterion)
            print(f"step {step} loss {loss.item():.4f} valid {valid_loss:.4f} right {right:.3f}")
            if "--fixed" in sys.argv:
                model.train()
