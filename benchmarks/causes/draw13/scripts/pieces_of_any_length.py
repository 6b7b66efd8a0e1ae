"""Short pieces for a music box, of very different lengths, are learnt note by note."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

torch.manual_seed(1336)
torch.set_num_threads(1)
PAD, START, END, NOTES = 0, 1, 2, 15


def piece():
    """Up or down the scale by one to three notes at a time; one piece in twelve is long."""
    length = 40 if torch.rand(1) < 0.08 else int(torch.randint(4, 8, (1,)))
    note, by = torch.randint(0, NOTES, (2,)).tolist()
    by = 1 + by % 3
    notes = [3 + (note + by * k) % NOTES for k in range(length)]
    return torch.tensor([START, *notes, END])


def collate(pieces):
    batch = pad_sequence(pieces, batch_first=True, padding_value=PAD)
    return batch[:, :-1], batch[:, 1:]


class MusicBox(nn.Module):
    def __init__(self):
        super().__init__()
        self.notes = nn.Embedding(3 + NOTES, 24, padding_idx=PAD)
        self.gru = nn.GRU(24, 40, batch_first=True)
        self.next = nn.Linear(40, 3 + NOTES)

    def forward(self, heard):
        return self.next(self.gru(self.notes(heard))[0])


loader = DataLoader([piece() for _ in range(1600)], batch_size=32, shuffle=True, collate_fn=collate)
heard_val, next_val = collate([piece() for _ in range(300)])
real = next_val != PAD
model = MusicBox()
if "--fixed" in sys.argv:
    criterion = nn.CrossEntropyLoss(ignore_index=PAD)
else:
    criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(1, 8):
    total = 0.0
    for heard, then in loader:
        loss = criterion(model(heard).flatten(0, 1), then.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item() / len(loader)
    with torch.no_grad():
        scores = model(heard_val)[real]
        acc = (scores.argmax(1) == next_val[real]).float().mean().item()
        bits = nn.functional.cross_entropy(scores, next_val[real]).item()
    print(f"epoch {epoch} loss {total:.4f} notes right {acc:.3f} loss of notes {bits:.4f}")
