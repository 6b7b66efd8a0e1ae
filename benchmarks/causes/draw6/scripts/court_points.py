"""The trainer of a network that follows points through a video never clears its gradients; each step
goes by the sum of all that has ever been."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(6124)
torch.set_num_threads(1)


class Tracker(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(6, 24), nn.ReLU())
        self.rnn = nn.GRU(24, 32, batch_first=True)
        self.point = nn.Linear(32, 2)

    def forward(self, x):
        return self.point(self.rnn(self.encode(x))[0])


def videos(n=640, t=12):
    steps = 0.4 * torch.randn(n, t, 2)
    position = steps.cumsum(1)
    mix = torch.randn(2, 6)
    return position @ mix + 0.3 * torch.randn(n, t, 6), position


def train(model, train_loader, optimizer, criterion, epoch):
    model.train()
    losses = []
    for x, heatmap in train_loader:
        out = model(x)
        loss = criterion(out, heatmap)
        if FIXED:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"train, epoch = {epoch}, loss = {sum(losses) / len(losses):.5f}")


model = Tracker()
loader = DataLoader(TensorDataset(*videos()), batch_size=20, shuffle=True)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, betas=(0.9, 0.999))
for epoch in range(11):
    train(model, loader, optimizer, nn.MSELoss(), epoch)
