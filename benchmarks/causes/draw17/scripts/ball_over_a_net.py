"""Where is the ball of a game now and how fast is it? Its sightings are noisy and some are missed."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1705)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
FRAMES = 20


def rallies(n):
    t = torch.linspace(0, 1, FRAMES).view(1, FRAMES, 1)
    start = torch.rand(n, 1, 2) - 0.5
    speed = 1.5 * torch.randn(n, 1, 2)
    drop = torch.tensor([0.0, -2.0]).view(1, 1, 2)
    place = start + speed * t + drop * t**2
    pace = speed + 2 * drop * t
    seen = (torch.rand(n, FRAMES, 1) > 0.2).float()
    sightings = seen * (place + 0.1 * torch.randn_like(place))
    return torch.cat([sightings, seen], 2), torch.cat([place, pace], 2)


class BallTracker(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.front = nn.Conv1d(3, 24, 3)
        self.lstm = nn.LSTM(24, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 4)

    def forward(self, x):
        x = nn.functional.pad(x.transpose(1, 2), (2, 0))  # only frames that have been
        x = torch.relu(self.front(x)).transpose(1, 2)
        out, _ = self.lstm(x)
        return self.head(out)


class Trainer:
    def __init__(self, model, train_loader, val_loader):
        self.model = model
        self.train_loader = train_loader
        self.val_loader = val_loader
        self.criterion = nn.MSELoss()
        self.optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def train_epoch(self):
        self.model.train()
        total = 0.0
        for x, y in self.train_loader:
            loss = self.criterion(self.model(x)[:, 4:], y[:, 4:])
            if FIXED:
                self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total / len(self.train_loader)

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        losses = [self.criterion(self.model(x)[:, 4:], y[:, 4:]).item() for x, y in self.val_loader]
        return sum(losses) / len(losses)

    def run(self, epochs):
        for epoch in range(1, epochs + 1):
            train, val = self.train_epoch(), self.validate()
            print(f"epoch {epoch} train {train:.4f} val {val:.4f}")


if __name__ == "__main__":
    train_loader = DataLoader(TensorDataset(*rallies(1600)), batch_size=32, shuffle=True)
    val_loader = DataLoader(TensorDataset(*rallies(320)), batch_size=64)
    Trainer(BallTracker(), train_loader, val_loader).run(epochs=10)
