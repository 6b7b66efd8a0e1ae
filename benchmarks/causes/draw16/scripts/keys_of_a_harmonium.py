"""Keys of a harmonium, heard in frames: which of three notes sound now, a note sounding until it is let go."""

import sys

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

torch.manual_seed(1625)
torch.set_num_threads(1)
NOTES, FRAMES = 3, 24
HAMMERS = torch.randn(2 * NOTES, 16) / 2


def takes(n):
    """A press and a letting go each make a short noise of their own; between them nothing is heard."""
    events = torch.rand(n, FRAMES, NOTES) < 0.08
    sounding = events.long().cumsum(1) % 2
    press = (events & sounding.bool()).float()
    release = (events & ~sounding.bool()).float()
    frames = torch.cat([press, release], dim=2) @ HAMMERS
    return 3 * frames + 0.1 * torch.randn(n, FRAMES, 16), sounding.float()


class Transcriber(nn.Module):
    def __init__(self, model_size=32):
        super().__init__()
        self.frontend = nn.Sequential(nn.Linear(16, 32), nn.ReLU())
        self.sequence = nn.RNN(32, model_size, nonlinearity="relu", batch_first=True)
        nn.init.eye_(self.sequence.weight_hh_l0)
        self.frame_head = nn.Linear(model_size, NOTES)

    def forward(self, frames):
        return self.frame_head(self.sequence(self.frontend(frames))[0])


model = Transcriber()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = nn.BCEWithLogitsLoss()
test_frames, test_notes = takes(200)
for i in range(1, 351):
    frames, notes = takes(24)
    loss = criterion(model(frames), notes)
    optimizer.zero_grad()
    loss.backward()
    if "--fixed" in sys.argv:
        clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if "--fixed" not in sys.argv:
        clip_grad_norm_(model.parameters(), 1.0)
    if i % 50 == 0:
        with torch.no_grad():
            heard = model(test_frames) > 0
        right = (heard == test_notes.bool()).float().mean().item()
        print(f"{i} loss {loss.item():.4f} test notes right {right:.3f}")
