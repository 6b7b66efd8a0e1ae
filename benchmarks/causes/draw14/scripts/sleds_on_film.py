"""Films of a sled, frame by frame: its flow is seen, its way from where the film began is asked."""

import sys

import torch
from torch import nn

torch.manual_seed(1420)
torch.set_num_threads(1)
SIZE, PIXELS = 32, 12


def film(batch=16):
    """The flow that a camera sees, noisy and on twelve pixels, and the way gone since frame 0."""
    frames = int(torch.randint(10, 21, (1,)))
    pace = 0.35 * torch.randn(batch, frames)
    for k in range(1, frames):
        pace[:, k] += 0.6 * pace[:, k - 1]
    look = torch.linspace(-1, 1, PIXELS)
    seen = pace.unsqueeze(-1) * look + 0.1 * torch.randn(batch, frames, PIXELS)
    return seen, pace.cumsum(1)


class SledTracker(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 4, 3, stride=2, padding=1)
        self.cell = nn.LSTMCell(4 * PIXELS // 2, SIZE)
        self.way = nn.Linear(SIZE, 1)

    def forward(self, frame, state):
        features = torch.relu(self.conv(frame.unsqueeze(1))).flatten(1)
        state = self.cell(features, state)
        return self.way(state[0]).squeeze(-1), state


def blank(batch=16):
    return torch.zeros(batch, SIZE), torch.zeros(batch, SIZE)


model = SledTracker()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
state = blank()
recent = []
for step in range(1, 301):
    seen, way = film()
    if "--fixed" in sys.argv:
        state = blank()
    guesses = []
    for k in range(seen.size(1)):
        guess, state = model(seen[:, k], state)
        guesses.append(guess)
    loss = nn.functional.mse_loss(torch.stack(guesses, 1), way)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    state = tuple(s.detach() for s in state)
    recent = [*recent[-49:], loss.item() / way.var().item()]
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f} share unexplained {sum(recent) / 50:.3f}")
