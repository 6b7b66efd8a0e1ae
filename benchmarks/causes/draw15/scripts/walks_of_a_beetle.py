"""A beetle's turns and strides are read by a recurrent encoder; a head says where its walk has ended."""

import math
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1506)
torch.set_num_threads(1)
STEPS, BATCH = 15, 40


def walks(n):
    """Each walk starts afresh at the nest, headed east: (turn, stride) at each step."""
    turn = 0.35 * torch.randn(n, STEPS)
    stride = torch.rand(n, STEPS)
    heading = turn.cumsum(1)
    end = torch.stack(((stride * heading.cos()).sum(1), (stride * heading.sin()).sum(1)), 1)
    return torch.stack((turn, stride), 2), end / math.sqrt(STEPS)


class Encoder(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.size = size
        self.gru = nn.GRU(2, size, batch_first=True)

    def init_hidden(self, batch):
        return torch.zeros(1, batch, self.size)

    def forward(self, walk, hidden):
        return self.gru(walk, hidden)


class Trainer:
    def __init__(self):
        self.encoder = Encoder()
        self.head = nn.Sequential(nn.Linear(48, 32), nn.Tanh(), nn.Linear(32, 2))
        self.params = [*self.encoder.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.Adam(self.params, lr=2e-3)
        self.loss = nn.MSELoss()

    def train_epoch(self, loader):
        total = 0.0
        hidden = self.encoder.init_hidden(BATCH)
        for walk, end in loader:
            if "--fixed" in sys.argv:
                hidden = self.encoder.init_hidden(BATCH)
            hidden = hidden.detach()
            self.optimizer.zero_grad()
            _, hidden = self.encoder(walk, hidden)
            loss = self.loss(self.head(hidden[-1]), end)
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total / len(loader)

    @torch.no_grad()
    def test(self, walk, end):
        _, hidden = self.encoder(walk, self.encoder.init_hidden(len(walk)))
        return self.loss(self.head(hidden[-1]), end).item()


if __name__ == "__main__":
    loader = DataLoader(TensorDataset(*walks(2000)), batch_size=BATCH, shuffle=True, drop_last=True)
    test_walk, test_end = walks(400)
    print(f"variance of the ends {test_end.var(0).mean().item():.3f}")
    trainer = Trainer()
    for epoch in range(1, 11):
        loss = trainer.train_epoch(loader)
        print(f"epoch {epoch} loss {loss:.4f} test {trainer.test(test_walk, test_end):.4f}")
