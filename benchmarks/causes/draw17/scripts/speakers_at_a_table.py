"""Does each stretch of a talk sound like the speaker of the first one? A score for every stretch."""

import sys

import torch
from torch import nn

torch.manual_seed(1708)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
STRETCHES, WIDTH = 12, 10


def talks(n):
    """Voices (n, STRETCHES, WIDTH) and whether each one is that of the first stretch."""
    speakers = torch.randn(n, 4, WIDTH)
    speakers = speakers / speakers.norm(dim=2, keepdim=True)
    who = torch.where(
        torch.rand(n, STRETCHES) < 0.3,
        torch.zeros(n, STRETCHES, dtype=torch.long),
        torch.randint(1, 4, (n, STRETCHES)),
    )
    who[:, 0] = 0
    voices = speakers.gather(1, who.unsqueeze(2).expand(-1, -1, WIDTH))
    voices = 2 * voices + 0.3 * torch.randn_like(voices)
    first = voices[:, :1].expand_as(voices)
    return torch.cat([first, voices, first * voices], dim=2), (who == 0).float()


class LstmSimilarity(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(3 * WIDTH, size, batch_first=True, bidirectional=True)
        self.fc1 = nn.Linear(2 * size, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, pairs):
        rows, _ = self.lstm(pairs)
        scores = self.fc2(torch.relu(self.fc1(rows))).squeeze(2)
        return scores if FIXED else torch.sigmoid(scores)


model = LstmSimilarity()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for step in range(1, 501):
    pairs, same = talks(32)
    loss = criterion(model(pairs), same)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            pairs, same = talks(300)
            scores = model(pairs)
            value = criterion(scores, same).item()
            chance = torch.sigmoid(scores)
            right = ((chance > 0.5) == (same > 0.5)).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} fresh talks {value:.4f} right {right:.3f}")
