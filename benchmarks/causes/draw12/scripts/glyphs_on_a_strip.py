"""Glyphs on a strip of paper are read column by column: convolution, then a recurrent net over the width."""

import sys

import torch
from torch import nn

torch.manual_seed(1215)
torch.set_num_threads(1)
GLYPHS, HIGH, WIDE = 6, 6, 24
shapes = (torch.rand(GLYPHS, HIGH, 3) < 0.5).float()


class Reader(nn.Module):
    def __init__(self, channels=12, size=40):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, stride=(2, 1)),
            nn.ReLU(),
        )
        self.rnn = nn.GRU(channels * HIGH // 2, size, batch_first=True)
        self.fc = nn.Linear(size, GLYPHS + 1)

    def forward(self, images):
        encoded = self.cnn(images)
        batch_size, features, height, num_pixels = encoded.shape
        if "--fixed" in sys.argv:
            encoded = encoded.permute(0, 3, 1, 2)
        columns = encoded.reshape(batch_size, num_pixels, features * height)
        out, _ = self.rnn(columns)
        return self.fc(out)


def strips(n=32):
    """The glyph that was finished last is the label of a column; at first there is none."""
    image = torch.zeros(n, 1, HIGH, WIDE)
    label = torch.full((n, WIDE), GLYPHS)
    for row in range(n):
        at = int(torch.randint(0, 4, (1,)))
        while at + 3 <= WIDE:
            glyph = int(torch.randint(0, GLYPHS, (1,)))
            image[row, 0, :, at : at + 3] = shapes[glyph]
            label[row, at + 2 :] = glyph
            at += 3 + int(torch.randint(1, 5, (1,)))
    return image + 0.1 * torch.randn_like(image), label


pool_images, pool_labels = strips(1200)
model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 401):
    pick = torch.randint(0, 1000, (32,))
    loss = nn.functional.cross_entropy(model(pool_images[pick]).mT, pool_labels[pick])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 0:
        with torch.no_grad():
            right = model(pool_images[1000:]).argmax(-1) == pool_labels[1000:]
        print(f"step {step} loss {loss:.4f} columns right on new strips {right.float().mean():.3f}")
