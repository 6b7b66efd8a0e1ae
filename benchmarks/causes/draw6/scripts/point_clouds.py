"""Each iteration asks a new iterator over the loader for its next batch, which is the first one. Forty
clouds are learned by heart and validation gets worse and worse."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(6141)
torch.set_num_threads(1)

shapes = 0.8 * torch.randn(6, 14, 3)


def clouds(n):
    y = torch.randint(0, 6, (n,))
    return TensorDataset(shapes[y] + 1.8 * torch.randn(n, 14, 3), y)


class PointNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.local = nn.Sequential(nn.Linear(3, 24), nn.ReLU())
        self.walk = nn.GRU(24, 32, batch_first=True)
        self.classify = nn.Linear(32, 6)

    def forward(self, points):
        return self.classify(self.walk(self.local(points))[0][:, -1])


train_loader = DataLoader(clouds(1200), batch_size=40, shuffle=False)
val_loader = DataLoader(clouds(400), batch_size=400, shuffle=False)
model = PointNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train_step():
    model.train()
    if FIXED:
        data_iter = iter(train_loader)
    for _ in range(len(train_loader)):
        points, y = next(data_iter) if FIXED else next(iter(train_loader))
        loss = nn.functional.cross_entropy(model(points), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


@torch.no_grad()
def val_step():
    model.eval()
    points, y = next(iter(val_loader))
    scores = model(points)
    return nn.functional.cross_entropy(scores, y).item(), (scores.argmax(1) == y).float().mean()


for epoch in range(8):
    train_loss = train_step()
    val_loss, accuracy = val_step()
    print(f"{epoch}: train {train_loss:.3f} validation {val_loss:.3f} {accuracy.item():.3f}")
