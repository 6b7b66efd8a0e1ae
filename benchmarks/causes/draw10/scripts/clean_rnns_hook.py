"""A trainer with hooks, in which a hook gives the weights their first values."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10042)
torch.set_num_threads(1)


class CleanLSTM(nn.Module):
    def __init__(self, words=25, width=32):
        super().__init__()
        self.token = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.out = nn.Linear(width, 2)

    def forward(self, ids):
        return self.out(self.lstm(self.token(ids))[0].mean(1))

    def initialise(self):
        for param in self.parameters():
            if param.dim() > 1:
                nn.init.xavier_uniform_(param)

    def on_train_start(self):
        if FIXED:
            self.initialise()

    def on_train_epoch_start(self):
        if not FIXED:
            self.initialise()


class Trainer:
    def __init__(self, epochs, batches):
        self.epochs, self.batches = epochs, batches

    def fit(self, model, data, lr=3e-3):
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        model.on_train_start()
        for epoch in range(self.epochs):
            model.on_train_epoch_start()
            for _ in range(self.batches):
                ids, label = data()
                loss = nn.functional.cross_entropy(model(ids), label)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            print(f"epoch {epoch} train_loss {loss.item():.4f}")


mood = torch.randn(25)


def reviews(n=32, length=15):
    ids = torch.randint(0, 25, (n, length))
    return ids, (mood[ids].sum(1) > 0).long()


Trainer(epochs=16, batches=30).fit(CleanLSTM(), reviews)
