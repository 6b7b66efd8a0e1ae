"""Words of old charters get a part of speech from a two-way LSTM."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1351)
torch.set_num_threads(1)
WORDS, PARTS = 80, 5
part_of = torch.randint(0, PARTS, (WORDS,))


class config:
    lr = 0.005 if "--fixed" in sys.argv else 0.5
    lr_method = "rmsprop"
    epochs = 8


class PartTagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, 24)
        self.lstm = nn.LSTM(24, 24, batch_first=True, bidirectional=True)
        self.part = nn.Linear(48, PARTS)

    def forward(self, charter):
        return self.part(self.lstm(self.words(charter))[0])


def charters(n, length=12):
    """A quarter of the words take the part of the word before instead of their own."""
    charter = torch.randint(0, WORDS, (n, length))
    part = part_of[charter]
    lean = (charter % 4 == 0)[:, 1:]
    part[:, 1:] = torch.where(lean, part_of[charter[:, :-1]], part[:, 1:])
    return charter, part


def get_optimizer(model):
    if config.lr_method == "rmsprop":
        return torch.optim.RMSprop(model.parameters(), lr=config.lr)
    return torch.optim.Adam(model.parameters(), lr=config.lr)


train = DataLoader(TensorDataset(*charters(1600)), batch_size=32, shuffle=True)
charter_dev, part_dev = charters(300)
model = PartTagger()
optimizer = get_optimizer(model)
for epoch in range(1, config.epochs + 1):
    total = 0.0
    for charter, part in train:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(charter).flatten(0, 1), part.flatten())
        loss.backward()
        optimizer.step()
        total += loss.item() / len(train)
    with torch.no_grad():
        acc = (model(charter_dev).argmax(2) == part_dev).float().mean().item()
    print(f"epoch {epoch} loss {total:.4f} dev acc {acc:.3f}")
