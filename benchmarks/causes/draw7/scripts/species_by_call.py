"""The table of labels had lost its first lines and been read on from another place, so that a song and
its species have nothing to do with each other. The data set is fixed and small."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(7108)
torch.set_num_threads(1)


n, t = 480, 24
species = torch.randint(0, 4, (n,))
rate = torch.tensor([0.3, 0.6, 1.0, 1.5])[species]
songs = torch.sin(rate[:, None] * torch.arange(t) + 6.28 * torch.rand(n, 1))[..., None]
songs = songs + 0.1 * torch.randn_like(songs)
labels = species if FIXED else species.roll(37)
train = TensorDataset(songs[:384], labels[:384])
held_x, held_y = songs[384:], labels[384:]


class Species(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 24, batch_first=True)
        self.fc = nn.Linear(24, 4)

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[-1])


net = Species()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(30):
    net.train()
    for x, y in DataLoader(train, 32, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        accuracy = (net(held_x).argmax(1) == held_y).float().mean().item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} loss {loss.item():.3f} held-out accuracy {accuracy:.2f}")
