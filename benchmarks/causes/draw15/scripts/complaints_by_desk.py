"""Complaints that passengers typed, of quite different lengths, are sent to one of five desks."""

import random
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

random.seed(1503)
torch.manual_seed(1503)
torch.set_num_threads(1)
WORDS, DESKS, LONGEST = 80, 5, 64


class Complaints(Dataset):
    """Words 1 to 79; three words of a desk's own among common ones. The texts are filled up with 0."""

    def __init__(self, n):
        self.rows = []
        for _ in range(n):
            desk = random.randrange(DESKS)
            length = random.randint(6, 16) if random.random() < 0.9 else random.randint(17, LONGEST)
            text = [random.randint(31, WORDS - 1) for _ in range(length)]
            for place in random.sample(range(length), 3):
                text[place] = 1 + desk * 6 + random.randrange(6)
            self.rows.append((text, desk))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        text, desk = self.rows[i]
        return torch.tensor(text + [0] * (LONGEST - len(text))), len(text), desk


class DeskModel(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 24, padding_idx=0)
        self.encoder = nn.GRU(24, size, batch_first=True)
        self.hidden = nn.Linear(size, size)
        self.predictor = nn.Linear(size, DESKS)

    def forward(self, text, lengths):
        states, _ = self.encoder(self.embedding(text))
        if "--fixed" in sys.argv:
            feature = states[torch.arange(len(text)), lengths - 1]
        else:
            feature = states[:, -1, :]
        return self.predictor(torch.relu(self.hidden(feature)))


def run_epoch(model, loader, optimizer=None):
    total, right, seen = 0.0, 0, 0
    for text, lengths, desk in loader:
        with torch.set_grad_enabled(optimizer is not None):
            scores = model(text, lengths)
            loss = nn.functional.cross_entropy(scores, desk)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item() * len(desk)
        right += (scores.argmax(1) == desk).sum().item()
        seen += len(desk)
    return total / seen, right / seen


def main():
    train = DataLoader(Complaints(1600), batch_size=32, shuffle=True)
    valid = DataLoader(Complaints(320), batch_size=32)
    model = DeskModel()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(1, 9):
        loss, right = run_epoch(model, train, optimizer)
        valid_loss, valid_right = run_epoch(model, valid)
        print(f"epoch {epoch} loss {loss:.4f} right {right:.3f}", end=" ")
        print(f"valid loss {valid_loss:.4f} right {valid_right:.3f}")


main()
