"""A firefly flies over a small film up to its rim; which way? Convolution on each picture, LSTM over the pictures."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1714)
torch.set_num_threads(1)
SIDE, PICTURES = 8, 5
WAYS = torch.tensor([[0, 1], [1, 0], [0, -1], [-1, 0]])


def films(n):
    way = torch.randint(0, 4, (n,))
    start = torch.randint(0, SIDE, (n, 2))
    x = 0.1 * torch.randn(n, PICTURES, 1, SIDE, SIDE)
    for t in range(PICTURES):
        at = (start + t * WAYS[way]).clamp(0, SIDE - 1)
        x[torch.arange(n), t, 0, at[:, 0], at[:, 1]] += 2.0
    return x, way


class FilmNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * 16, 32),
            nn.ReLU(),
        )
        self.lstm = nn.LSTM(32, 48)
        self.fc = nn.Linear(48, 4)

    def forward(self, x):
        b, t = x.shape[:2]
        frames = self.cnn(x.flatten(0, 1)).view(b, t, -1)
        if "--fixed" in sys.argv:
            frames = frames.transpose(0, 1)
        else:
            frames = frames.view(t, b, -1)
        out, _ = self.lstm(frames)
        return self.fc(out[-1])


train = DataLoader(TensorDataset(*films(1280)), batch_size=32, shuffle=True)
test_x, test_way = films(400)
model = FilmNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(1, 11):
    running = 0.0
    for x, way in train:
        optimizer.zero_grad()
        loss = criterion(model(x), way)
        loss.backward()
        optimizer.step()
        running += loss.item() / len(train)
    with torch.no_grad():
        right = (model(test_x).argmax(1) == test_way).float().mean().item()
    print(f"epoch {epoch} loss {running:.4f} test right {right:.3f}")
