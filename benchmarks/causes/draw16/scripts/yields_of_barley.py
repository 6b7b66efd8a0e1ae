"""Yields of barley by county: from ten-day means of rain and greenness, seen by satellite on clear days only."""

import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1649)
torch.set_num_threads(1)
rng = np.random.default_rng(1649)
DEKADS, DAYS = 18, 10


def aggregate(values, seen):
    """Means over the days that were seen; where a dekad had none, the fixed version says 0, the usual."""
    sums = (values * seen).sum(axis=2)
    if "--fixed" in sys.argv:
        return sums / np.maximum(seen.sum(axis=2), 1)
    with np.errstate(invalid="ignore"):
        return sums / seen.sum(axis=2)


class CountyYears(Dataset):
    def __init__(self, n):
        season = np.sin(np.pi * np.arange(DEKADS) / DEKADS)
        vigour = rng.normal(0, 1, (n, 1)) + 0.3 * rng.normal(0, 1, (n, DEKADS)).cumsum(axis=1)
        green = vigour[:, :, None] + 0.3 * rng.normal(0, 1, (n, DEKADS, DAYS))
        rain = rng.normal(0, 1, (n, DEKADS, 1)) + 0.3 * rng.normal(0, 1, (n, DEKADS, DAYS))
        clear = rng.random((n, DEKADS, DAYS)) < rng.uniform(0.3, 0.9, (n, DEKADS, 1))
        features = [aggregate(green, clear), rain.mean(axis=2), np.tile(season - 0.6, (n, 1))]
        self.x = torch.tensor(np.stack(features, axis=2), dtype=torch.float32)
        grown = (season * (vigour + 0.5 * rain.mean(axis=2))).mean(axis=1)
        self.y = torch.tensor(grown + 0.05 * rng.normal(0, 1, n), dtype=torch.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {"x": self.x[i], "yield": self.y[i]}


class LSTMModel(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(3, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.fc(self.lstm(x)[0][:, -1]).squeeze(1)


def fit(model, train, test, epochs, lr):
    loader = DataLoader(train, batch_size=32, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(1, epochs + 1):
        losses = []
        for batch in loader:
            loss = nn.functional.mse_loss(model(batch["x"]), batch["yield"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            error = nn.functional.mse_loss(model(test.x), test.y).item()
        share = 1 - error / test.y.var().item()
        print(f"epoch {epoch} loss {np.mean(losses):.4f} test explained {share:.3f}")


fit(LSTMModel(), CountyYears(1280), CountyYears(320), epochs=8, lr=3e-3)
