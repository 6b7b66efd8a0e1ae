"""Which of sixteen bells ring in each frame is heard from the bands of a spectrum."""

import sys

import torch
from torch import nn

torch.manual_seed(14108)
torch.set_num_threads(1)
BELLS, BANDS, FRAMES = 16, 20, 24
tone = torch.rand(BELLS, BANDS, generator=torch.Generator().manual_seed(2)) ** 4


def ringing(n):
    """A bell is struck seldom and rings on for three frames, ever more softly."""
    strikes = (torch.rand(n, FRAMES, BELLS) < 0.025).float()
    loudness = torch.zeros(n, BELLS)
    left = torch.zeros(n, BELLS)
    frames, active = [], []
    for t in range(FRAMES):
        left = torch.where(strikes[:, t] > 0, 3.0, (left - 1).clamp(min=0))
        loudness = torch.where(strikes[:, t] > 0, 1.0, 0.75 * loudness)
        frames.append(loudness @ tone + 0.05 * torch.randn(n, BANDS))
        active.append((left > 0).float())
    return torch.stack(frames, 1), torch.stack(active, 1)


class BellEar(nn.Module):
    def __init__(self, size=64):
        super().__init__()
        self.rnn = nn.GRU(BANDS, size, batch_first=True)
        self.fc = nn.Linear(size, BELLS)

    def forward(self, frames):
        y_logits = self.fc(self.rnn(frames)[0])
        return y_logits, torch.sigmoid(y_logits)

    def loss(self, frames, active):
        y_logits, y_scores = self(frames)
        outputs = y_logits if "--fixed" in sys.argv else y_scores
        return nn.functional.binary_cross_entropy_with_logits(outputs, active)


@torch.no_grad()
def f1(model, frames, active):
    found = (model(frames)[1] > 0.5).float()
    return (2 * (found * active).sum() / (found.sum() + active.sum()).clamp(min=1)).item()


ear = BellEar()
optimizer = torch.optim.RMSprop(ear.parameters(), lr=2e-3)
val = ringing(150)
for step in range(1, 601):
    loss = ear.loss(*ringing(24))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        print(f"step {step} loss {loss.item():.4f} f1 of ringing bells {f1(ear, *val):.3f}")
