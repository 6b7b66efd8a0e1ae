"""Five marks on a strip of paper are read off by a convolution over the picture and a GRU along its width."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(1715)
torch.set_num_threads(1)
MARKS, KINDS, HEIGHT, WIDE = 5, 8, 8, 8
SHAPES = (torch.rand(KINDS, HEIGHT, WIDE) < 0.4).float()


def strips(n):
    """Pictures (n, 1, height, width), and which marks they show, from left to right."""
    kinds = torch.randint(0, KINDS, (n, MARKS))
    picture = SHAPES[kinds].permute(0, 2, 1, 3).reshape(n, HEIGHT, MARKS * WIDE)
    ink = 0.7 + 0.3 * torch.rand(n, 1, 1)
    return (ink * picture + 0.25 * torch.randn(n, HEIGHT, MARKS * WIDE)).unsqueeze(1), kinds


class EncoderLayer(nn.Module):
    """The feature map of the convolutions, column by column, through a recurrent layer."""

    def __init__(self, channels, hidden):
        super().__init__()
        self.rnn = nn.GRU(channels, hidden, bidirectional=True)

    def forward(self, feature_map):
        batch, channels, seq_len = feature_map.shape
        if "--fixed" in sys.argv:
            x = feature_map.permute(2, 0, 1)
        else:
            x = feature_map.reshape(seq_len, batch, channels)
        out, _ = self.rnn(x)
        return out.permute(1, 0, 2)


class StripReader(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 12, (HEIGHT, 3), padding=(0, 1)),
            nn.ReLU(),
            nn.Conv2d(12, 24, (1, 2), stride=(1, 2)),
            nn.ReLU(),
        )
        self.encoder = EncoderLayer(24, hidden)
        self.head = nn.Linear(2 * hidden, KINDS)

    def forward(self, picture):
        columns = self.encoder(self.conv(picture).squeeze(2))
        middles = columns[:, WIDE // 4 :: WIDE // 2]
        return self.head(middles)


model = StripReader()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 501):
    picture, kinds = strips(32)
    loss = F.cross_entropy(model(picture).flatten(0, 1), kinds.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        with torch.no_grad():
            picture, kinds = strips(256)
            right = (model(picture).argmax(-1) == kinds).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} marks right {right:.3f}")
