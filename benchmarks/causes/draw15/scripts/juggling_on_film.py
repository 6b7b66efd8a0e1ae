"""Which juggling pattern is on film? Small frames, convolved one by one, then an LSTM."""

import sys

import torch
from torch import nn

torch.manual_seed(1517)
torch.set_num_threads(1)
FRAMES, WIDE, PATTERNS = 10, 8, 24


def films(n):
    """A ball goes round: the pattern says from where, and which way."""
    pattern = torch.randint(0, PATTERNS, (n,))
    way = (pattern % 2 * 2 - 1).unsqueeze(1)
    start = (pattern // 2).unsqueeze(1) * 6.28 / (PATTERNS // 2) + 0.08 * torch.randn(n, 1)
    turn = start + 0.5 * way * torch.arange(FRAMES)
    x, y = 3.5 + 2.5 * torch.cos(turn), 3.5 + 2.5 * torch.sin(turn)
    grid = torch.arange(WIDE).float()
    across = torch.exp(-((grid - x.unsqueeze(-1)) ** 2))
    down = torch.exp(-((grid - y.unsqueeze(-1)) ** 2))
    film = 3 * down.unsqueeze(-1) * across.unsqueeze(-2)
    return film + 0.1 * torch.randn_like(film), pattern


class ConvLSTM(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 24)
        )
        self.lstm = nn.LSTM(24, size, batch_first=True)
        layers = [nn.Linear(size, 32), nn.ReLU(), nn.Linear(32, PATTERNS)]
        if "--fixed" not in sys.argv:
            layers.append(nn.Softmax(dim=-1))
        self.output_layers = nn.Sequential(*layers)

    def forward(self, film):
        n, t = film.shape[:2]
        seen = self.encoder(film.reshape(n * t, 1, WIDE, WIDE)).view(n, t, -1)
        states, _ = self.lstm(seen)
        return self.output_layers(states[:, -1])


model = ConvLSTM()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
cls_criterion = nn.CrossEntropyLoss()
test_film, test_pattern = films(400)
for step in range(1, 451):
    film, pattern = films(32)
    optimizer.zero_grad()
    loss = cls_criterion(model(film), pattern)
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            right = (model(test_film).argmax(-1) == test_pattern).float().mean()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
