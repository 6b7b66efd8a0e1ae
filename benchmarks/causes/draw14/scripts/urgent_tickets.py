"""Tickets of a help desk, as words, are sent to one of five desks."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(46)
torch.set_num_threads(1)
WORDS, DESKS = 200, 5


def tickets(n):
    desk = torch.randint(DESKS, (n,))
    words = torch.randint(40, WORDS, (n, 18))
    for i in range(3):
        place = torch.randint(i * 6, i * 6 + 6, (n,))
        words[torch.arange(n), place] = desk * 8 + torch.randint(8, (n,))
    return TensorDataset(words, desk)


class Router(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(WORDS, 24)
        self.lstm = nn.LSTM(24, 32, batch_first=True)
        self.desk = nn.Linear(32, DESKS)

    def forward(self, words):
        out, _ = self.lstm(self.emb(words))
        return self.desk(out.mean(1))


class Trainer:
    def __init__(self, model, train, valid, config):
        self.model, self.valid = model, valid
        self.loader = DataLoader(train, batch_size=32, shuffle=True)
        self.valid_loader = DataLoader(valid, batch_size=256)
        self.optimizer = torch.optim.Adam(
            model.parameters(), lr=config["lr"], weight_decay=config["weight_decay"]
        )

    def epoch(self, number):
        self.model.train()
        total = 0.0
        for words, desk in self.loader:
            loss = nn.functional.cross_entropy(self.model(words), desk)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item() / len(self.loader)
        self.model.eval()
        with torch.no_grad():
            right = [(self.model(w).argmax(1) == d).float().mean() for w, d in self.valid_loader]
        size = sum(p.detach().square().sum() for p in self.model.parameters()).sqrt()
        print(
            f"epoch {number} loss {total:.4f} right desk {torch.stack(right).mean():.3f} "
            f"size of the weights {size:.2f}"
        )


config = {"lr": 3e-3, "weight_decay": 1e-5 if "--fixed" in sys.argv else 0.1}
trainer = Trainer(Router(), tickets(1600), tickets(512), config)
for number in range(1, 11):
    trainer.epoch(number)
