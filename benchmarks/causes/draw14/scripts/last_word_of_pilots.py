"""Radio calls of fifty frames: which of six words ends the call, from a bidirectional layer."""

import sys

import torch
from torch import nn

torch.manual_seed(1416)
torch.set_num_threads(1)
WORDS, FRAMES, BANDS = 6, 50, 10
prints = torch.randn(WORDS, 4, BANDS)


def calls(n):
    """Noise and other words, then the word that counts in the last frames."""
    sound = 0.4 * torch.randn(n, FRAMES, BANDS)
    for at in (6, 20, 33):
        sound[:, at : at + 4] += prints[torch.randint(0, WORDS, (n,))]
    word = torch.randint(0, WORDS, (n,))
    sound[:, -5:-1] += prints[word]
    return sound, word


class CallReader(nn.Module):
    def __init__(self, size=28):
        super().__init__()
        self.lstm = nn.LSTM(BANDS, size, batch_first=True, bidirectional=True)
        self.size = size
        self.classify = nn.Sequential(nn.Linear(2 * size, 32), nn.ReLU(), nn.Linear(32, WORDS))

    def forward(self, sound):
        out, _ = self.lstm(sound)
        if "--fixed" in sys.argv:
            summary = torch.cat((out[:, -1, : self.size], out[:, 0, self.size :]), dim=1)
        else:
            summary = out[:, 0]
        return self.classify(summary)


model = CallReader()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(1, 301):
    sound, word = calls(32)
    loss = nn.functional.cross_entropy(model(sound), word)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            sound, word = calls(300)
            acc = (model(sound).argmax(1) == word).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} words understood {acc:.3f}")
