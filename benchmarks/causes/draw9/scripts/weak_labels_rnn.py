"""Few sentences, many epochs: an LSTM with strong dropout is checked after every epoch."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(9022)
torch.set_num_threads(1)


class EndModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(80, 32)
        self.lstm = nn.LSTM(32, 48, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(0.6), nn.Linear(48, 2))
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.head(self.lstm(self.drop(self.embed(x)))[0].mean(1))


def corpus(n):
    y = torch.randint(0, 2, (n,))
    x = torch.randint(0, 80, (n, 12))
    telling = torch.rand(n, 12) < 0.2
    return torch.where(telling, x % 20 + 20 * y[:, None], x), y


def score(model, x, y):
    model.eval()
    with torch.no_grad():
        out = model(x)
    return nn.functional.cross_entropy(out, y).item(), (out.argmax(1) == y).float().mean().item()


def train_model(model, train, valid, n_epochs=40):
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    model.train()
    for epoch in range(n_epochs):
        if FIXED:
            model.train()
        for x, y in DataLoader(TensorDataset(*train), batch_size=16, shuffle=True):
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        valid_loss, accuracy = score(model, *valid)
        if epoch % 8 == 7:
            print(f"[E:{epoch + 1}] train {loss.item():.3f} valid {valid_loss:.3f} {accuracy:.3f}")


train_model(EndModel(), corpus(160), corpus(300))
