"""Gestures are made to speech: at each frame a hand follows what was heard in the frames before."""

import sys

import torch
from torch import nn

torch.manual_seed(1213)
torch.set_num_threads(1)
FRAMES, AUDIO = 24, 8
beat = torch.randn(AUDIO) / AUDIO**0.5


class SpeechEncoder(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.encode_speech = nn.GRU(AUDIO, size, batch_first="--fixed" in sys.argv)
        self.reduce = nn.Sequential(nn.Linear(size, 24), nn.LeakyReLU())
        self.pose = nn.Linear(24, 2)

    def forward(self, speech):
        out, _ = self.encode_speech(speech)
        return self.pose(self.reduce(out))


def recordings(n=32):
    """One arm follows slowly and the other echoes what was loud three frames ago."""
    speech = torch.randn(n, FRAMES, AUDIO)
    loud = speech @ beat
    slow, arm = torch.zeros(n), []
    for t in range(FRAMES):
        slow = 0.7 * slow + 0.5 * loud[:, t]
        arm.append(slow)
    echo = torch.zeros_like(loud)
    echo[:, 3:] = loud[:, :-3]
    return speech, torch.stack([torch.stack(arm, 1), echo], -1)


model = SpeechEncoder()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(1, 601):
    speech, motion = recordings()
    loss = nn.functional.mse_loss(model(speech), motion)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        speech, motion = recordings(32)
        with torch.no_grad():
            left = (model(speech) - motion).pow(2).mean() / motion.var()
        print(f"step {step} loss {loss.item():.4f} share of motion not explained {left:.3f}")
