"""Which of three calls opens a wren's song and which of three closes it? Between them it chatters."""

import sys

import torch
from torch import nn

torch.manual_seed(1716)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
CALLS, LENGTH, WIDTH = 3, 36, 6
shapes = torch.randn(2, CALLS, 3, WIDTH)


def songs(n):
    opening, closing = torch.randint(0, CALLS, (2, n))
    sound = 0.7 * torch.randn(n, LENGTH, WIDTH)
    sound[:, :3] += shapes[0, opening]
    sound[:, -3:] += shapes[1, closing]
    return sound, opening * CALLS + closing


class SongReader(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.rnn = nn.RNN(WIDTH, size, batch_first=True, bidirectional=True)
        self.name = nn.Sequential(nn.Linear(2 * size, 32), nn.ReLU(), nn.Linear(32, CALLS**2))
        self.size = size

    def forward(self, sound):
        n, length, _ = sound.shape
        memory, _ = self.rnn(sound)
        memory = memory.view(n, length, 2, self.size)
        onward = memory[:, -1, 0]
        back = memory[:, 0, 1] if FIXED else memory[:, -1, 1]
        return self.name(torch.cat([onward, back], dim=1))


model = SongReader()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 401):
    sound, label = songs(32)
    loss = nn.functional.cross_entropy(model(sound), label)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            sound, label = songs(300)
            guess = model(sound).argmax(1)
        opens = (guess // CALLS == label // CALLS).float().mean().item()
        closes = (guess % CALLS == label % CALLS).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} opening {opens:.3f} closing {closes:.3f}")
