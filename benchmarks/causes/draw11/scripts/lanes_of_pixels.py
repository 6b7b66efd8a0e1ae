"""Lanes in small grey pictures: each pixel row goes through an LSTM, which says road or lane."""

import sys

import torch
from torch import nn

torch.manual_seed(1148)
torch.set_num_threads(1)
img_norm = "--fixed" in sys.argv


def load(n=24, width=24):
    start = torch.randint(2, width - 8, (n, 1))
    size = torch.randint(3, 6, (n, 1))
    place = torch.arange(width)
    lane = (place >= start) & (place < start + size)
    # the brightness of the road differs from picture to picture, lanes are a little brighter
    road = 60 + 120 * torch.rand(n, 1)
    img = road + 45 * lane + 6 * torch.randn(n, width)
    img = img.clamp(0, 255).round()
    if img_norm:
        img = img / 255.0
    return img.unsqueeze(-1), lane.float()


class RowNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(1, 24, batch_first=True, bidirectional=True)
        self.cls = nn.Linear(48, 1)

    def forward(self, row):
        return self.cls(self.rnn(row)[0]).squeeze(-1)


net = RowNet()
optimizer = torch.optim.Adam(net.parameters(), lr=6e-3)
criterion = nn.BCEWithLogitsLoss()
for i in range(480):
    img, lane = load()
    loss = criterion(net(img), lane)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 80 == 79:
        print("iter %d loss %.4f" % (i + 1, loss.item()))
